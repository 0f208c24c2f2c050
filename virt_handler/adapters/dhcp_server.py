"""DHCP for one guest NIC, on sockets that were opened in the pod's network and are served by the agent's own loop.

No process per VM. A guest that floods its server is read slowly: a handful of packets, then a pause, and the kernel
drops the rest.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from virt_handler.plan import dhcp4, dhcp6
from virt_handler.plan.dhcp_options import Lease

BATCH = 8
PAUSE_SECONDS = 0.02
_RECEIVE_BUFFER = 16 * 1024
_ALL_DHCP_AGENTS = "ff02::1:2"

Answer = Callable[[bytes, Lease], bytes | None]


def open_sockets(device: str, lease: Lease) -> list[socket.socket]:
    """Sockets for the families that the lease serves; called in the pod's network (see `netns`)."""
    opened = []
    try:
        if lease.address:
            opened.append(_open(socket.AF_INET, device, dhcp4.SERVER_PORT))
        if lease.address6:
            opened.append(_open(socket.AF_INET6, device, dhcp6.SERVER_PORT))
            membership = socket.inet_pton(socket.AF_INET6, _ALL_DHCP_AGENTS)
            index = struct.pack("@I", socket.if_nametoindex(device))
            opened[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership + index)
    except OSError:
        for each in opened:
            each.close()
        raise
    return opened


def _open(family: socket.AddressFamily, device: str, port: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if family == socket.AF_INET:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            opened.bind(("0.0.0.0", port))
        else:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind(("::", port))
    except OSError:
        opened.close()
        raise
    return opened


class DhcpServer:
    """Serves the sockets of one NIC until closed."""

    def __init__(self, sockets: list[socket.socket], lease: Lease) -> None:
        self._sockets, self._lease = sockets, lease
        self._loop = asyncio.get_running_loop()
        self._timers: dict[socket.socket, asyncio.TimerHandle] = {}
        for each in sockets:
            self._listen(each)

    def close(self) -> None:
        for each in self._sockets:
            self._loop.remove_reader(each)
            if timer := self._timers.pop(each, None):
                timer.cancel()
            each.close()
        self._sockets = []

    def _listen(self, opened: socket.socket) -> None:
        self._timers.pop(opened, None)
        self._loop.add_reader(opened, self._readable, opened)

    def _readable(self, opened: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                packet, peer = opened.recvfrom(dhcp4.MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError:  # the pod's network is going away: the launcher's end will be noticed elsewhere
                self._loop.remove_reader(opened)
                return
            self._answer(opened, packet, peer)
        self._loop.remove_reader(opened)
        self._timers[opened] = self._loop.call_later(PAUSE_SECONDS, self._listen, opened)

    def _answer(self, opened: socket.socket, packet: bytes, peer: tuple[str | int, ...]) -> None:
        four = opened.family == socket.AF_INET
        answer: Answer = dhcp4.answer if four else dhcp6.answer
        reply = answer(packet, self._lease)
        if reply is None:
            return
        target = ("255.255.255.255", dhcp4.CLIENT_PORT) if four else peer
        try:
            opened.sendto(reply, target)
        except OSError:
            return  # a full queue or a link that is going down: the client asks again
