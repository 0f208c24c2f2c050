"""Links, addresses and sysctls of a pod's network: each step says what must be, and may be repeated.

All functions act where the calling thread stands (see `netns`), and raise OSError.
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

from virt_handler.adapters import netlink
from virt_handler.adapters.netlink import Netlink
from virt_handler.plan.network import PodLink

_UP = 0x1
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_PROTINFO, _IFLA_LINKINFO = 1, 3, 4, 10, 12, 18
_INFO_KIND, _BRPORT_LEARNING = 1, 8
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_NO_DAD = 0x02  # nobody else can have our private address, do not wait for proof
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_MAIN_TABLE, _UNICAST, _SCOPE_LINK = 254, 1, 253
_AF_BRIDGE = 7
_TUN_SET_IFF, _TUN_SET_PERSIST, _TUN_SET_OWNER, _TUN_SET_GROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
_TAP, _NO_PACKET_INFO, _VNET_HEADER, _MULTI_QUEUE = 0x0002, 0x1000, 0x4000, 0x0100


class Links:
    """One conversation with the kernel. Use `with links() as net`."""

    def __init__(self, kernel: Netlink) -> None:
        self._kernel = kernel

    def pod_links(self) -> dict[str, PodLink]:
        """Every link with its addresses, link-local IPv6 ones aside, and its IPv4 routes."""
        addresses, routes = self._addresses(), self._routes()
        found = {}
        for message in self._kernel.dump(netlink.GET_LINK, netlink.LINK.pack(0, 0, 0, 0, 0), netlink.LINK):
            index, attributes = message.fixed[2], message.attributes
            name = attributes[_IFLA_IFNAME].rstrip(b"\0").decode()
            found[name] = PodLink(
                name=name, mac=attributes.get(_IFLA_ADDRESS, b"").hex(":"),
                mtu=struct.unpack("=I", attributes[_IFLA_MTU])[0],
                addresses=tuple(addresses.get(index, ())), routes=tuple(routes.get(index, ())),
            )  # fmt: skip
        return found

    def _addresses(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for message in self._kernel.dump(netlink.GET_ADDRESS, netlink.ADDRESS.pack(0, 0, 0, 0, 0), netlink.ADDRESS):
            family, prefix, _flags, scope, index = message.fixed
            if family == socket.AF_INET6 and scope == _SCOPE_LINK:
                continue
            packed = message.attributes.get(_IFA_LOCAL) or message.attributes[_IFA_ADDRESS]
            found.setdefault(index, []).append(f"{ipaddress.ip_address(packed)}/{prefix}")
        return found

    def _routes(self) -> dict[int, list[tuple[str, str]]]:
        found: dict[int, list[tuple[str, str]]] = {}
        body = netlink.ROUTE.pack(socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
        for message in self._kernel.dump(netlink.GET_ROUTE, body, netlink.ROUTE):
            attributes = message.attributes
            if message.fixed[4] != _MAIN_TABLE or message.fixed[7] != _UNICAST or _RTA_OIF not in attributes:
                continue
            (index,) = struct.unpack("=I", attributes[_RTA_OIF])
            destination = f"{ipaddress.ip_address(attributes.get(_RTA_DST, bytes(4)))}/{message.fixed[1]}"
            gateway = str(ipaddress.ip_address(attributes[_RTA_GATEWAY])) if _RTA_GATEWAY in attributes else ""
            found.setdefault(index, []).append((destination, gateway))
        return found

    def index(self, name: str) -> int | None:
        try:
            return socket.if_nametoindex(name)
        except OSError:
            return None

    def ensure_bridge(self, name: str, mac: str, mtu: int) -> int:
        """A bridge that forwards at once, without spanning tree."""
        return self._ensure(name, "bridge", mac, mtu)

    def ensure_holder(self, name: str, mac: str, mtu: int) -> int:
        """A link that only holds addresses: a dummy, or a bridge without ports where the kernel makes no dummies."""
        try:
            return self._ensure(name, "dummy", mac, mtu)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
        return self._ensure(name, "bridge", mac, mtu)

    def _ensure(self, name: str, kind: str, mac: str, mtu: int) -> int:
        if self.index(name) is None:
            info = netlink.attribute(_IFLA_LINKINFO | netlink.NESTED, netlink.text(_INFO_KIND, kind))
            body = netlink.LINK.pack(0, 0, 0, 0, 0) + netlink.text(_IFLA_IFNAME, name) + _mac(mac) + info
            self._kernel.do(netlink.NEW_LINK, body, netlink.CREATE | netlink.EXCLUSIVE)
        index = self.index(name)
        assert index is not None, name
        self.set_mtu(index, mtu)
        return index

    def up(self, index: int) -> None:
        self._set(index, b"", flags=_UP)

    def down(self, index: int) -> None:
        self._kernel.do(netlink.NEW_LINK, netlink.LINK.pack(0, 0, index, 0, _UP))

    def rename(self, index: int, name: str) -> None:
        """The link must be down."""
        self._set(index, netlink.text(_IFLA_IFNAME, name))

    def set_mac(self, index: int, mac: str) -> None:
        self._set(index, _mac(mac))

    def set_mtu(self, index: int, mtu: int) -> None:
        self._set(index, netlink.number32(_IFLA_MTU, mtu))

    def enslave(self, index: int, bridge: int) -> None:
        self._set(index, netlink.number32(_IFLA_MASTER, bridge))

    def stop_learning(self, index: int) -> None:
        """The bridge must not learn addresses behind this port: the pod's own MAC appears on both sides."""
        port = netlink.attribute(_IFLA_PROTINFO | netlink.NESTED, netlink.attribute(_BRPORT_LEARNING, b"\0"))
        self._kernel.do(netlink.SET_LINK, netlink.LINK.pack(_AF_BRIDGE, 0, index, 0, 0) + port)

    def _set(self, index: int, attributes: bytes, flags: int = 0) -> None:
        self._kernel.do(netlink.NEW_LINK, netlink.LINK.pack(0, 0, index, flags, flags) + attributes)

    def add_address(self, index: int, address: str) -> None:
        interface = ipaddress.ip_interface(address)
        try:
            self._kernel.do(netlink.NEW_ADDRESS, _address(index, interface), netlink.CREATE | netlink.EXCLUSIVE)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise

    def flush_addresses(self, index: int) -> None:
        """All but link-local IPv6 ones, which the kernel removes with the link's going down."""
        for address in self._addresses().get(index, ()):
            self._kernel.do(netlink.DELETE_ADDRESS, _address(index, ipaddress.ip_interface(address)))


def _mac(mac: str) -> bytes:
    return netlink.attribute(_IFLA_ADDRESS, bytes.fromhex(mac.replace(":", "")))


def _address(index: int, interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bytes:
    family = socket.AF_INET if interface.version == 4 else socket.AF_INET6
    packed = interface.ip.packed
    body = netlink.ADDRESS.pack(family, interface.network.prefixlen, 0, 0, index)
    body += netlink.attribute(_IFA_LOCAL, packed) + netlink.attribute(_IFA_ADDRESS, packed)
    return body + (netlink.number32(_IFA_FLAGS, _NO_DAD) if interface.version == 6 else b"")


@contextmanager
def links() -> Iterator[Links]:
    with Netlink() as kernel:
        yield Links(kernel)


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
