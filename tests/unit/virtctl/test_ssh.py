"""`virtctl ssh` and `scp`: the command line of the local client, and its exit code."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from virtctl.failure import CommandFailed
from virtctl.main import main
from virtctl.plan.ssh_command import SshOptions, ssh_command
from virtctl.plan.target import Target, copy, login_target, target

SERVER = ("--server", "http://127.0.0.1:1", "--token", "100% sure")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand-ins for ssh and scp that write down how they were called, and end with 3. Gives the file."""
    log = tmp_path / "called"
    for name in ("ssh", "scp"):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nfor word in {name} "$@"; do printf "%s\\0" "$word"; done > {log}\nexit 3\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("USER", "me")
    monkeypatch.setattr(sys, "argv", ["virtctl.py"])
    return log


def called(log: Path) -> list[str]:
    return log.read_text().split("\0")[:-1]


def test_ssh(client: Path) -> None:
    words = [
        "-n",
        "x",
        *SERVER,
        "ssh",
        "vm/a",
        "-i",
        "key",
        "-c",
        "ls /",
        "-t",
        "-o StrictHostKeyChecking=no",
        "-p",
        "2222",
    ]
    assert main(words) == 3
    ssh, _, proxy, *rest = called(client)
    assert ssh == "ssh"
    assert rest == ["-o StrictHostKeyChecking=no", "-i", "key", "--", "me@vm.a.x", "ls /"]
    flags = ["--namespace=x", "--server=http://127.0.0.1:1", "--token=100%% sure"]
    python = [sys.executable, "-m", "virtctl", *flags, "port-forward", "--stdio=true", "vm/a/x", "2222"]
    assert shlex.split(proxy.removeprefix("ProxyCommand=")) == python


def test_scp_in_both_directions(client: Path) -> None:
    assert main([*SERVER, "scp", "-r", "--preserve", "here", "bob@vmi/a/ns:there"]) == 3
    assert called(client)[-5:] == ["-r", "-p", "--", "here", "bob@vmi.a.ns:there"]
    assert main([*SERVER, "scp", "-l", "eve", "--local-ssh=true", "vmi/a/ns:there", "here"]) == 3
    assert called(client)[-2:] == ["eve@vmi.a.ns:there", "here"]


def test_no_ssh_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main([*SERVER, "ssh", "vm/a/ns"]) == 1
    assert capsys.readouterr().err == 'exec: "ssh": No such file or directory\n'


def test_an_installed_program_calls_itself(client: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "kubectl-virt"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "argv", ["kubectl-virt"])
    main([*SERVER, "ssh", "vm/a/ns"])
    assert f"ProxyCommand={program} --server" in called(client)[2]


def test_no_user_at_all() -> None:
    words = ssh_command(["v"], Target(kind="vm", name="a", namespace="n"), SshOptions(known_hosts="kh"))
    assert words == [
        "ssh", "-o", "ProxyCommand=v port-forward --stdio=true vm/a/n 22", "-o", "UserKnownHostsFile=kh", "--",
        "vm.a.n",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vmi/a", Target(kind="vmi", name="a")),
        ("vms/a.b/n.m", Target(kind="vm", name="a.b", namespace="n.m")),
        ("u@virtualmachineinstance/a", Target(kind="vmi", name="a", user="u")),
    ],
)
def test_targets(text: str, expected: Target) -> None:
    assert login_target(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "target cannot be empty"),
        ("a", "target must contain type and name separated by '/'"),
        ("vmi/a/", "namespace cannot be empty"),
        ("//", "namespace cannot be empty"),
        ("vmi/a/b/c", "target is not valid with more than two '/'"),
        ("pod/a", "unsupported resource type 'pod'"),
        ("/", "unsupported resource type ''"),
        ("vmi/", "name cannot be empty"),
    ],
)
def test_targets_that_are_none(text: str, why: str) -> None:
    with pytest.raises(CommandFailed) as refused:
        target(text)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("text", "why"), [("@vm/a", "expected username before '@'"), ("u@", "expected target after '@'")]
)
def test_half_a_login(text: str, why: str) -> None:
    with pytest.raises(CommandFailed, match=why):
        login_target(text)


def test_copies_have_one_end_here() -> None:
    with pytest.raises(CommandFailed, match="another remote location is not supported"):
        copy("vm/a:x", "vm/b:y")
    with pytest.raises(CommandFailed, match="none of the two provided locations"):
        copy("x", "y")
