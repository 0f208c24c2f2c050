"""The TCP connections that the kernel tracks in the network of the calling thread.

Layouts and numbers: `linux/netfilter/nfnetlink.h`, `linux/netfilter/nfnetlink_conntrack.h`.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from virt_handler.adapters.netlink import Netlink, attributes_of
from virt_handler.plan.farewell import Flow, Way

_NETFILTER: Final = 12
_GET: Final = (1 << 8) | 1
_HEAD: Final = struct.Struct("=BBH")
_OPENED, _ANSWERS, _STATE = 1, 2, 4
_ADDRESSES, _PORTS = 1, 2
_PROTOCOL, _SOURCE_PORT, _TARGET_PORT = 1, 2, 3
_OF_FAMILY: Final = {socket.AF_INET: (1, 2), socket.AF_INET6: (3, 4)}
"""Attributes of the two addresses."""
_OPEN: Final = (3, 4, 5, 6)
"""Established, or closed by one side; as connection tracking numbers the states of TCP."""


def open_flows() -> list[Flow]:
    """Those that are not over. Raises OSError."""
    found = []
    with Netlink(_NETFILTER) as kernel:
        for family in _OF_FAMILY:
            for message in kernel.dump(_GET, _HEAD.pack(family, 0, 0), _HEAD):
                flow = _flow(message.attributes, family)
                if flow is not None:
                    found.append(flow)
    return found


def _flow(told: dict[int, bytes], family: socket.AddressFamily) -> Flow | None:
    tcp = attributes_of(attributes_of(told.get(_STATE, b"")).get(1, b""))
    state = tcp.get(1, b"\0")[0]
    opened, answers = _way(told[_OPENED], family), _way(told[_ANSWERS], family)
    return None if state not in _OPEN or opened is None or answers is None else Flow(opened, answers)


def _way(data: bytes, family: socket.AddressFamily) -> Way | None:
    told = attributes_of(data)
    addresses, ports = attributes_of(told[_ADDRESSES]), attributes_of(told[_PORTS])
    if ports[_PROTOCOL][0] != socket.IPPROTO_TCP:
        return None
    source, target = (socket.inet_ntop(family, addresses[number]) for number in _OF_FAMILY[family])
    return Way(source, _port(ports[_SOURCE_PORT]), target, _port(ports[_TARGET_PORT]))


def _port(data: bytes) -> int:
    return int.from_bytes(data, "big")
