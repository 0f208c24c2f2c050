"""As much of netlink as a pod's network needs: a request, its acknowledgement or its dump.

Why not a library: the agent runs on every node, and the usual one would be a sixth of its memory for nine requests.
Layouts: `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h`.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from msgspec import Struct

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR_MESSAGE, _DONE = 2, 3
_REQUEST, _ACK, _DUMP, EXCLUSIVE, CREATE = 0x1, 0x4, 0x300, 0x200, 0x400
NESTED = 0x8000
_TYPE_MASK = 0x3FFF
_BUFFER = 256 * 1024
_TIMEOUT_SECONDS = 5.0

NEW_LINK, GET_LINK, SET_LINK = 16, 18, 19
NEW_ADDRESS, DELETE_ADDRESS, GET_ADDRESS = 20, 21, 22
GET_ROUTE = 26
LINK = struct.Struct("=BxHiII")
"""ifinfomsg: family, type, index, flags, changed flags."""
ADDRESS = struct.Struct("=BBBBI")
"""ifaddrmsg: family, prefix length, flags, scope, index."""
ROUTE = struct.Struct("=BBBBBBBBI")
"""rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, flags."""


class Message(Struct, frozen=True):
    """One object of a dump: its fixed part, as its layout says, and its attributes by number."""

    fixed: tuple[int, ...]
    attributes: dict[int, bytes]


def attribute(number: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), number) + value + bytes(-len(value) % 4)


def number32(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("=I", value))


def text(number: int, value: str) -> bytes:
    return attribute(number, value.encode() + b"\0")


def attributes_of(data: bytes) -> dict[int, bytes]:
    """Attributes by number without their flags; the last of each counts."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


class Netlink:
    """A conversation with the kernel of the network namespace that the opening thread stands in. Raises OSError."""

    def __init__(self, family: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self._socket.settimeout(_TIMEOUT_SECONDS)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def do(self, kind: int, body: bytes, flags: int = 0) -> None:
        """A request that changes something; returns when the kernel has done it."""
        self._send(kind, body, _ACK | flags)
        for _ in self._answers():
            return

    def dump(self, kind: int, body: bytes, layout: struct.Struct) -> list[Message]:
        """Every object of a kind."""
        self._send(kind, body, _DUMP)
        return [
            Message(layout.unpack_from(data), attributes_of(data[(layout.size + 3) & ~3 :])) for data in self._answers()
        ]

    def _send(self, kind: int, body: bytes, flags: int) -> None:
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST | flags, self._sequence, 0)
        self._socket.send(header + body)

    def _answers(self) -> Iterator[bytes]:
        """Payloads of the answer; an acknowledgement has one, which is empty."""
        while True:
            data = self._socket.recv(_BUFFER)
            at = 0
            while at + _HEADER.size <= len(data):
                length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, at)
                payload = data[at + _HEADER.size : at + length]
                at += (length + 3) & ~3
                if sequence != self._sequence:
                    continue
                if kind == _DONE:
                    return
                if kind == _ERROR_MESSAGE:
                    (code,) = struct.unpack_from("=i", payload)
                    if code:
                        raise OSError(-code, f"the kernel refused a change of the network: {os.strerror(-code)}")
                    yield b""
                    return
                yield payload
