"""The door before the receiving libvirtd: a migration's source says what it must through it, and nothing else."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable

from virt_launcher.adapters.log import warn
from virt_launcher.plan import remote

MOST_CONNECTIONS = 4
CHUNK = 1 << 16


class Gate:
    """Listens at `path` for what is meant for the libvirtd that listens at `behind`. Raises OSError.

    `committed` is called, from a thread of ours, before the libvirtd hears that the source has done its part.
    """

    def __init__(self, path: str, behind: str, committed: Callable[[], None]) -> None:
        self._behind, self._committed = behind, committed
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # of a gate before
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(MOST_CONNECTIONS)
        threading.Thread(target=self._accept, name="gate", daemon=True).start()

    def close(self) -> None:
        """Nobody comes any more, and who is there is sent away."""
        _shut(self._listener)
        self._listener.close()
        with self._lock:
            for each in self._open:
                _shut(each)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                outside, _ = self._listener.accept()
                self._let_in(outside)

    def _let_in(self, outside: socket.socket) -> None:
        inside = socket.socket(socket.AF_UNIX)
        try:
            inside.connect(self._behind)
        except OSError as error:
            warn(f"the receiving libvirtd cannot be reached: {error}")
            outside.close()
            inside.close()
            return
        with self._lock:
            if len(self._open) >= 2 * MOST_CONNECTIONS:
                outside.close()
                inside.close()
                return
            self._open |= {outside, inside}
        for copy, ends in ((self._inward, (outside, inside)), (_outward, (inside, outside))):
            threading.Thread(target=self._carry, args=(copy, *ends), name="gate", daemon=True).start()

    def _inward(self, outside: socket.socket, inside: socket.socket) -> None:
        while head := _exactly(outside, remote.LENGTH.size):
            (length,) = remote.LENGTH.unpack(head)
            if not remote.LENGTH.size < length <= remote.MOST:
                raise remote.Unwanted(f"a frame of {length} bytes")
            frame = remote.admitted(_exactly(outside, length - remote.LENGTH.size))
            if remote.commits(frame):
                self._committed()
            inside.sendall(head + frame)

    def _carry(
        self, copy: Callable[[socket.socket, socket.socket], None], one: socket.socket, other: socket.socket
    ) -> None:
        try:
            copy(one, other)
        except remote.Unwanted as unwanted:
            warn(f"a migration's source was sent away: it wants {unwanted}")
        except OSError:
            pass  # either end has gone
        _shut(other)
        _shut(one)
        with self._lock:
            self._open.discard(one)
        one.close()


def _outward(inside: socket.socket, outside: socket.socket) -> None:
    while data := inside.recv(CHUNK):
        outside.sendall(data)


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes, or none where the other side has ended. Raises OSError where it ends within them."""
    data = bytearray()
    while len(data) < size:
        more = connection.recv(min(CHUNK, size - len(data)))
        if not more:
            if data:
                raise ConnectionResetError("half a frame")
            return b""
        data += more
    return bytes(data)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
