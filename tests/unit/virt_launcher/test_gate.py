"""What a migration's source may say to the libvirtd that receives its guest."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from virt_launcher.adapters.gate import Gate
from virt_launcher.plan.remote import Unwanted, admitted, commits

REMOTE, KEEPALIVE, PAUSED = 0x20008086, 0x6B656570, 32


def frame(procedure: int, arguments: bytes = b"", program: int = REMOTE, kind: int = 0) -> bytes:
    return struct.pack(">6I", program, 1, procedure, kind, 7, 0) + arguments


def finish(flags: int) -> bytes:
    return frame(306, b"cookie.." + struct.pack(">2I", flags, 0))


@pytest.mark.parametrize("each", [frame(1), frame(303, b"xml."), frame(1, program=KEEPALIVE, kind=2)])
def test_what_a_migration_needs_passes_as_it_is(each: bytes) -> None:
    assert admitted(each) == each


@pytest.mark.parametrize("flags", [0x8003, 0x8003 | PAUSED])
def test_a_guest_stands_when_it_has_come_whatever_the_source_says(flags: int) -> None:
    assert admitted(finish(flags)) == finish(0x8003 | PAUSED)


@pytest.mark.parametrize(
    "each",
    [frame(10), frame(305), frame(1, kind=3), frame(1, program=0x20008087), b"", frame(1)[:-1], frame(306, b"1234")],
)
def test_everything_else_is_turned_away(each: bytes) -> None:
    with pytest.raises(Unwanted):
        admitted(each)


def test_the_source_has_no_way_back_when_it_finishes_what_it_has_not_cancelled() -> None:
    cancelled = frame(306, b"cookie.." + struct.pack(">2I", 1, 1))
    assert commits(admitted(finish(1)))
    assert not any(commits(each) for each in (admitted(cancelled), frame(303, bytes(8)), frame(1), b""))


@pytest.fixture
def libvirtd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "behind"))
        listener.listen()
        listener.settimeout(10)
        yield listener


def said(message: bytes) -> bytes:
    return struct.pack(">I", len(message) + 4) + message


def test_a_gate_carries_both_ways_until_somebody_wants_more(tmp_path: Path, libvirtd: socket.socket) -> None:
    (tmp_path / "gate").touch()  # of a gate before
    committed = threading.Event()
    gate = Gate(str(tmp_path / "gate"), str(tmp_path / "behind"), committed.set)
    source = socket.socket(socket.AF_UNIX)
    source.settimeout(10)
    source.connect(str(tmp_path / "gate"))
    inside, _ = libvirtd.accept()
    inside.settimeout(10)
    with source, inside:
        source.sendall(said(frame(303, b"xml.")))
        assert inside.recv(len(said(frame(303, b"xml."))), socket.MSG_WAITALL) == said(frame(303, b"xml."))
        assert not committed.is_set()
        source.sendall(said(finish(1))[:9])
        threading.Timer(0, source.sendall, (said(finish(1))[9:],)).start()
        expected = said(finish(1 | PAUSED))
        assert inside.recv(len(expected), socket.MSG_WAITALL) == expected
        assert committed.is_set()
        inside.sendall(b"an answer")
        assert source.recv(9, socket.MSG_WAITALL) == b"an answer"
        source.sendall(said(frame(10)))
        assert source.recv(1) == b"" and inside.recv(1) == b""
    gate.close()
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(OSError):
        late.connect(str(tmp_path / "gate"))
