"""Ports and screens of guests on this machine: port-forward and vnc, as processes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.virtctl.api_server import GROUP, REPOSITORY, ApiServer, api_server, command, virtctl
from virtctl.plan.ports import Forward, forward

ROOT = f"{GROUP}/v1/namespaces/ns"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(tmp_path) as made:
        yield made


@contextlib.contextmanager
def running(server: ApiServer, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(command(server, *words), cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


def local_port(process: subprocess.Popen[bytes], protocol: str, address: str = "127.0.0.1") -> int:
    assert process.stderr
    words = process.stderr.readline().decode().split()
    assert words[:2] == ["forwarding", protocol]
    host, _, port = words[2].rpartition(":")
    assert host == address
    return int(port)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("8080", ("tcp", 8080, 8080)),
        ("8080:80", ("tcp", 8080, 80)),
        (":80", ("tcp", 80, 80)),
        ("0:80", ("tcp", 0, 80)),
        ("udp/53", ("udp", 53, 53)),
        ("udp/5353:53", ("udp", 5353, 53)),
        ("tcp/1:2:3", ("tcp", 1, 2)),
    ],
)
def test_ports(text: str, wanted: tuple[str, int, int]) -> None:
    protocol, local, remote = wanted
    assert forward(text) == Forward(protocol=protocol, local=local, remote=remote)


def test_every_connection_has_a_stream_of_its_own(server: ApiServer) -> None:
    with running(server, "port-forward", "vm/a/there", "0:80") as process:
        port = local_port(process, "tcp")
        with (
            socket.create_connection(("127.0.0.1", port), 10) as one,
            socket.create_connection(("127.0.0.1", port), 10) as other,
        ):
            for name, client in (("one", one), ("other", other)):
                client.sendall(name.encode())
                assert client.recv(100) == f"<{name}>".encode()
            one.sendall(b"bye")
            assert one.recv(100) == b"", "the guest has ended it"
            other.shutdown(socket.SHUT_WR)
            assert other.recv(100) == b"", "nothing more came from the guest"
        process.terminate()
        assert process.wait(10) == 1
        assert process.stderr and process.stderr.read() == b"terminated\n"
    path = f"{GROUP}/v1/namespaces/there/virtualmachines/a/portforward/80/tcp"
    assert server.calls == [("GET", path, None)] * 2


def test_what_is_on_its_way_still_arrives(server: ApiServer) -> None:
    with (
        running(server, "port-forward", "vmi/a", "0:80") as process,
        socket.create_connection(("127.0.0.1", local_port(process, "tcp")), 10) as client,
    ):
        client.sendall(b"GET /")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b"<GET />"


def test_datagrams_find_their_way_back(server: ApiServer) -> None:
    with running(server, "port-forward", "vmi/a", "udp/0:53") as process:
        there = ("127.0.0.1", local_port(process, "udp"))
        with (
            socket.socket(type=socket.SOCK_DGRAM) as one,
            socket.socket(type=socket.SOCK_DGRAM) as other,
        ):
            for client, name in ((one, b"one"), (other, b"other"), (one, b"again")):
                client.settimeout(60)
                client.sendto(name, there)
                assert client.recv(100) == b"<" + name + b">"
    assert server.calls == [("GET", f"{ROOT}/virtualmachineinstances/a/portforward/53/udp", None)] * 2


def test_a_port_that_is_not_there_is_told_and_the_next_one_served(server: ApiServer) -> None:
    with running(server, "port-forward", "vmi/deaf", "0:80") as process:
        port = local_port(process, "tcp")
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                assert client.recv(100) == b""
            assert process.stderr
            line = process.stderr.readline().decode()
            assert line == "can't access vmi/deaf.ns: Websocket failed due to internal server error.\n"


def test_through_input_and_output(server: ApiServer) -> None:
    with running(server, "port-forward", "--stdio=true", "vmi/a/ns", "22") as process:
        assert process.stdin and process.stdout
        process.stdin.write(b"SSH \x1d\xff")
        process.stdin.flush()
        assert os.read(process.stdout.fileno(), 100) == b"<SSH \x1d\xff>", "no byte has a meaning of its own"
        process.stdin.write(b"bye")
        process.stdin.flush()
        assert process.wait(10) == 0
        assert process.stdout.read() == b""


def test_ssh_hangs_up_and_hears_nothing_of_it(server: ApiServer) -> None:
    with running(server, "port-forward", "--stdio=true", "vmi/a/ns", "22") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(b"SSH")
        process.stdin.flush()
        assert os.read(process.stdout.fileno(), 100) == b"<SSH>"
        process.send_signal(signal.SIGHUP)
        assert (process.wait(10), process.stderr.read()) == (0, b"")


def test_an_address_or_port_that_cannot_be_had(server: ApiServer) -> None:
    done = virtctl(server, "port-forward", "--address", "203.0.113.1", "vmi/a", "8080")
    assert done.returncode == 1 and "203.0.113.1" in done.stderr and done.stderr.count("\n") == 1


def test_a_screen_for_a_viewer_of_ones_own(server: ApiServer) -> None:
    with running(server, "vnc", "a", "--proxy-only") as process:
        assert process.stdout
        port = json.loads(process.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), 10) as viewer:
            viewer.sendall(b"RFB")
            assert viewer.recv(100) == b"<RFB>"
            with socket.create_connection(("127.0.0.1", port), 10) as second:
                assert second.recv(100) == b"", "there is one screen"
        assert process.wait(10) == 0
    assert server.calls == [("GET", f"{ROOT}/virtualmachineinstances/a/vnc", None)]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder with programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_viewer_is_started_and_its_end_is_ours(server: ApiServer, programs: Path) -> None:
    viewer = programs / "vncviewer"
    viewer.write_text(
        "#!/bin/bash\n"
        f'exec 3<>"/dev/tcp/${{1/://}}"; printf RFB >&3; read -r -n 5 -u 3 said; echo "$1 $said" > {programs}/seen\n'
    )
    viewer.chmod(0o755)
    done = virtctl(server, "vnc", "a")
    assert (done.returncode, done.stderr) == (0, "")
    address, said = (programs / "seen").read_text().split()
    assert address.startswith("127.0.0.1:") and said == "<RFB>"


def test_no_viewer(server: ApiServer, programs: Path) -> None:
    done = virtctl(server, "vnc", "a")
    assert done.stderr == "Error encountered: could not find remote-viewer or vncviewer binary in $PATH\n"
    done = virtctl(server, "vnc", "deaf")
    assert done.stderr == "Can't access VMI deaf: Websocket failed due to internal server error.\n"
    assert list(programs.iterdir()) == []


def test_a_usb_device_is_plugged_in_by_its_program(server: ApiServer, programs: Path) -> None:
    done = virtctl(server, "usbredir", "0951:1666", "a")
    assert (done.returncode, done.stderr) == (
        1,
        'Error on finding usbredirect in $PATH: exec: "usbredirect": executable file not found in $PATH\n',
    )
    program = programs / "usbredirect"
    talk = 'exec 3<>"/dev/tcp/${4/://}"; printf dev >&3; read -r -n 5 -u 3 said'
    program.write_text(f'#!/bin/bash\n{talk}; echo "$1 $2 $3 $said" > {programs}/seen\n[ "$2" != 02-03 ]\n')
    program.chmod(0o755)
    done = virtctl(server, "usbredir", "0951:1666", "a")
    assert (done.returncode, done.stderr) == (0, "")
    assert (programs / "seen").read_text() == "--device 0951:1666 --to <dev>\n"
    assert server.calls == [("GET", f"{ROOT}/virtualmachineinstances/a/usbredir", None)]
    done = virtctl(server, "usbredir", "0951:1666", "deaf")
    assert done.stderr == "Can't access VMI deaf: Websocket failed due to internal server error.\n"


def test_a_picture_of_the_screen(server: ApiServer, tmp_path: Path) -> None:
    file = tmp_path / "screen.png"
    done = virtctl(server, "vnc", "screenshot", "a", "-f", str(file), "--move-cursor")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert file.read_bytes() == b"\x89PNG\xff"
    path = f"{ROOT}/virtualmachineinstances/a/vnc/screenshot"
    assert server.calls == [("GET", f"{path}?moveCursor=true", None)]
    done = virtctl(server, "vnc", "screenshot", "deaf", "--file", str(file))
    assert (done.returncode, done.stderr) == (1, "Can't access VMI deaf: VMI is not running\n")
    done = virtctl(server, "vnc", "screenshot", "a", "-f", f"{tmp_path}/nowhere/x")
    assert done.stderr == "Can't write image to a file: No such file or directory\n"
