"""Links, addresses and sysctls of a pod's network: each step says what must be, and may be repeated.

All functions act where the calling thread stands (see `netns`).
"""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from virt_handler.plan.network import PodLink

_NO_DAD = 0x02  # IFA_F_NODAD: nobody else can have our private address, do not wait for proof
_TUN_SET_IFF, _TUN_SET_PERSIST, _TUN_SET_OWNER, _TUN_SET_GROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
_TAP, _NO_PACKET_INFO, _VNET_HEADER, _MULTI_QUEUE = 0x0002, 0x1000, 0x4000, 0x0100
_MAIN_TABLE = 254
_SCOPE_LINK = 253


class Links:
    """One netlink conversation. Use `with links() as net`."""

    def __init__(self, netlink: Any) -> None:
        self._netlink = netlink

    def pod_links(self) -> dict[str, PodLink]:
        """Every link with its addresses, link-local IPv6 ones aside, and its IPv4 routes."""
        addresses: dict[int, list[str]] = {}
        for message in self._netlink.get_addr():
            if message["family"] == socket.AF_INET6 and message["scope"] == _SCOPE_LINK:
                continue
            text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            addresses.setdefault(message["index"], []).append(f"{text}/{message['prefixlen']}")
        routes = self._routes()
        found = {}
        for message in self._netlink.get_links():
            index, name = message["index"], message.get_attr("IFLA_IFNAME")
            found[name] = PodLink(
                name=name, mac=message.get_attr("IFLA_ADDRESS") or "", mtu=message.get_attr("IFLA_MTU"),
                addresses=tuple(addresses.get(index, ())), routes=tuple(routes.get(index, ())),
            )  # fmt: skip
        return found

    def _routes(self) -> dict[int, list[tuple[str, str]]]:
        routes: dict[int, list[tuple[str, str]]] = {}
        for message in self._netlink.get_routes(family=socket.AF_INET, table=_MAIN_TABLE):
            index = message.get_attr("RTA_OIF")
            if index is None or message["type"] != 1:
                continue
            destination = f"{message.get_attr('RTA_DST') or '0.0.0.0'}/{message['dst_len']}"
            routes.setdefault(index, []).append((destination, message.get_attr("RTA_GATEWAY") or ""))
        return routes

    def index(self, name: str) -> int | None:
        found = self._netlink.link_lookup(ifname=name)
        return found[0] if found else None

    def ensure_bridge(self, name: str, mac: str = "", mtu: int = 0) -> int:
        """A bridge that forwards at once, without spanning tree."""
        return self._ensure(name, "bridge", mac, mtu)

    def ensure_holder(self, name: str, mac: str, mtu: int) -> int:
        """A link that only holds addresses: a dummy, or a bridge without ports where the kernel makes no dummies."""
        try:
            return self._ensure(name, "dummy", mac, mtu)
        except NetlinkError as error:
            if error.code != errno.EOPNOTSUPP:
                raise
        return self._ensure(name, "bridge", mac, mtu)

    def _ensure(self, name: str, kind: str, mac: str, mtu: int) -> int:
        index = self.index(name)
        if index is None:
            wanted: dict[str, Any] = {"address": mac} if mac else {}
            self._netlink.link("add", ifname=name, kind=kind, **wanted)
            index = self.index(name)
            assert index is not None, name
        if mtu:
            self._netlink.link("set", index=index, mtu=mtu)
        return index

    def up(self, index: int) -> None:
        self._netlink.link("set", index=index, state="up")

    def down(self, index: int) -> None:
        self._netlink.link("set", index=index, state="down")

    def rename(self, index: int, name: str) -> None:
        """The link must be down."""
        self._netlink.link("set", index=index, ifname=name)

    def set_mac(self, index: int, mac: str) -> None:
        self._netlink.link("set", index=index, address=mac)

    def set_mtu(self, index: int, mtu: int) -> None:
        self._netlink.link("set", index=index, mtu=mtu)

    def enslave(self, index: int, bridge: int) -> None:
        self._netlink.link("set", index=index, master=bridge)

    def stop_learning(self, index: int) -> None:
        """The bridge must not learn addresses behind this port: the pod's own MAC appears on both sides."""
        self._netlink.brport("set", index=index, learning=0)

    def add_address(self, index: int, address: str) -> None:
        interface = ipaddress.ip_interface(address)
        flags = {"flags": _NO_DAD} if interface.version == 6 else {}
        try:
            self._netlink.addr(
                "add", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen, **flags
            )
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise

    def flush_addresses(self, index: int) -> None:
        self._netlink.flush_addr(index=index)


@contextmanager
def links() -> Iterator[Links]:
    with IPRoute() as netlink:
        yield Links(netlink)


def ensure_tap(name: str, owner: int, group: int, queues: int) -> None:
    """A persistent tap device of `owner`; with `queues` > 1 of the kind that takes several queues."""
    flags = _TAP | _NO_PACKET_INFO | _VNET_HEADER | (_MULTI_QUEUE if queues > 1 else 0)
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    try:
        request = struct.pack("16sH22x", name.encode(), flags)
        try:
            fcntl.ioctl(descriptor, _TUN_SET_IFF, request)
        except OSError as error:
            if error.errno == errno.EBUSY:  # there already, and QEMU has it open
                return
            raise
        fcntl.ioctl(descriptor, _TUN_SET_OWNER, owner)
        fcntl.ioctl(descriptor, _TUN_SET_GROUP, group)
        fcntl.ioctl(descriptor, _TUN_SET_PERSIST, 1)
    finally:
        os.close(descriptor)


def set_sysctl(path: str, value: str) -> None:
    """Write `/proc/sys/net/<path>`; names with dots in them are why `path` has slashes."""
    with open(f"/proc/sys/net/{path}", "w", encoding="ascii") as file:
        file.write(value)
