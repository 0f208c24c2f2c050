"""Noticing that a peer is gone that never said goodbye: it lost power, or the network between us broke."""

from __future__ import annotations

import socket
from typing import Any, Protocol

#: after 20 seconds of silence, three questions five seconds apart
_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)


class Connection(Protocol):
    """A transport, or whatever of aiohttp's knows its transport's extras."""

    def get_extra_info(self, name: str) -> Any: ...


def notice_dead_peer(connection: Connection | None) -> None:
    """Let TCP break a connection whose peer has been silent for about 35 seconds; None is a connection that is over."""
    sock = connection.get_extra_info("socket") if connection else None
    if sock is not None:
        ask_in_silence(sock)


def ask_in_silence(sock: socket.socket) -> None:
    """The same for a TCP socket that no transport has."""
    for level, option, value in _OPTIONS:
        sock.setsockopt(level, option, value)
