"""A connection of our own to QEMU while its guest leaves: what it says, until its process has exited."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from virt_launcher.adapters.log import warn
from virt_launcher.plan.ending import Ending, heard

ANSWER_SECONDS = 5.0
EXIT_SECONDS = 10.0
"""QEMU says no more; its process exits soon, or it is left to libvirt to say how it went."""
LONGEST = 1 << 16
"""Bytes of a line. QEMU's events are far shorter."""
_CREDENTIALS = struct.Struct("3i")


class _Stream(Protocol):
    def readline(self, size: int, /) -> bytes: ...
    def write(self, line: bytes, /) -> int: ...
    def flush(self) -> None: ...


class _Line(msgspec.Struct):
    """An event or an answer; both empty in what is neither."""

    event: str = ""
    data: dict[str, Any] = {}
    answer: dict[str, Any] | None = msgspec.field(name="return", default=None)


_DECODER = msgspec.json.Decoder(_Line)


class QemuEvents:
    """Calls `moved`, from a thread of its own, when QEMU's own word proves that the guest has moved; else never.

    What goes wrong here costs the guest 0.2 s: libvirt says the same later.
    """

    def __init__(self, path: str, moved: Callable[[], None]) -> None:
        """`path` is the socket of QEMU's second monitor."""
        self._path, self._moved = path, moved
        self._socket = socket.socket(socket.AF_UNIX)
        self._closed = False
        threading.Thread(target=self._listen, name="qemu-events", daemon=True).start()

    def close(self) -> None:
        """The guest stays, or libvirt has said how it ended: nothing is called any more. May be repeated."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        try:
            with self._socket:
                ending = self._until_it_has_gone()
        except (OSError, msgspec.MsgspecError) as error:
            if not self._closed:
                warn(f"QEMU itself cannot be heard: {error!r}")
            return
        if ending.moved and not self._closed:
            self._moved()

    def _until_it_has_gone(self) -> Ending:
        """Raises OSError and MsgspecError."""
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.connect(self._path)
        if self._closed:  # before there was a connection to be shut down
            raise ConnectionAbortedError
        pid, _, _ = _CREDENTIALS.unpack(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        process = os.pidfd_open(pid)
        try:
            with self._socket.makefile("rwb") as stream:
                ending = _introduce(stream)
                self._socket.settimeout(None)
                while (said := _line(stream)) is not None:
                    ending = heard(ending, said.event, said.data)
            exited, _, _ = select.select([process], [], [], 0 if self._closed else EXIT_SECONDS)
        finally:
            os.close(process)
        return msgspec.structs.replace(ending, gone=bool(exited))


def _introduce(stream: _Stream) -> Ending:
    """Whether the guest runs now. From here on QEMU tells every event."""
    _line(stream)  # its greeting
    _ask(stream, "qmp_capabilities")
    return Ending(running=_ask(stream, "query-status").get("running") is not False)


def _ask(stream: _Stream, command: str) -> dict[str, Any]:
    """Events that come before the answer are older than it."""
    stream.write(msgspec.json.encode({"execute": command}) + b"\n")
    stream.flush()
    while (said := _line(stream)) is not None:
        if said.answer is not None:
            return said.answer
    raise ConnectionError("QEMU has closed its monitor")


def _line(stream: _Stream) -> _Line | None:
    """What QEMU says next; None where it says no more."""
    line = stream.readline(LONGEST)
    return _DECODER.decode(line) if line else None
