"""Completion of words, for shells and for kubectl, and the name by which kubectl calls us."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys

import pytest

from tests.unit.virtctl.api_server import REPOSITORY
from virtctl import kubectl_completion
from virtctl.main import main


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_a_script_for_the_shell(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert main(["completion", shell]) == 0
    assert f"_VIRTCTL_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_no_such_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "cmd.exe"]) == 1
    assert capsys.readouterr().err == 'unsupported shell type "cmd.exe"\n'


def test_what_the_script_calls() -> None:
    asked = {"_VIRTCTL_COMPLETE": "zsh_complete", "COMP_WORDS": "virtctl create", "COMP_CWORD": "2"}
    command = [sys.executable, "-m", "virtctl"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | asked, capture_output=True, text=True, timeout=30, check=True
    )
    assert {"clone", "instancetype", "preference", "vm"} <= set(done.stdout.splitlines())


def test_kubectl_asks_for_candidates(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-virt", "st"])
    assert kubectl_completion.main() == 0
    start, stop, end = capsys.readouterr().out.splitlines()
    assert (start, stop, end) == ("start\tStart a virtual machine.", "stop\tStop a virtual machine.", ":4")


def test_kubectl_finds_us_by_these_names() -> None:
    parser = configparser.ConfigParser()
    parser.read(REPOSITORY / "setup.cfg")
    scripts = parser["options.entry_points"]["console_scripts"].split("\n")
    assert {"kubectl-virt = virtctl.main:main", "kubectl_complete-virt = virtctl.kubectl_completion:main"} <= set(
        scripts
    )


def test_as_a_plugin_it_calls_itself_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/kubectl-virt", "start", "--help"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("Usage: kubectl virt start")
