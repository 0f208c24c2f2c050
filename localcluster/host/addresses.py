"""Choosing the address block of a cluster: pure, given what is in use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from localcluster.shell import run
from localcluster.trouble import Trouble

MAX_NODES = 100


@dataclass(frozen=True, kw_only=True)
class Network:
    """One /16 cut into the ranges of a cluster.

    x.0.0/24 nodes (bridge .1, node i .10+i) | x.64.0/20 Services (.64.1 the API, .64.10 DNS) | x.128.0/17 pods
    (one /24 per node).
    """

    block: IPv4Network

    def _at(self, third: int, fourth: int) -> IPv4Address:
        return self.block.network_address + (third * 256 + fourth)

    @property
    def gateway(self) -> IPv4Address:
        return self._at(0, 1)

    @property
    def services(self) -> IPv4Network:
        return IPv4Network(f"{self._at(64, 0)}/20")

    @property
    def api_service(self) -> IPv4Address:
        return self._at(64, 1)

    @property
    def dns_service(self) -> IPv4Address:
        return self._at(64, 10)

    @property
    def pods(self) -> IPv4Network:
        return IPv4Network(f"{self._at(128, 0)}/17")

    def node(self, index: int) -> IPv4Address:
        """Address of node `index`, counted from 1."""
        return self._at(0, 10 + index)

    def node_pods(self, index: int) -> IPv4Network:
        return IPv4Network(f"{self._at(127 + index, 0)}/24")


@dataclass(frozen=True, kw_only=True)
class Network6:
    """One /48 cut likewise: `fd70:6f64:XXXX::/48`, XXXX being the first half of the cluster's IPv4 block.

    :: nodes /64 (bridge ::1, node i ::10+i) | :64:: Services /112 | :8000:: pods /56 (one /64 per node).
    """

    block: IPv6Network

    def _at(self, subnet: int, host: int = 0) -> IPv6Address:
        return self.block.network_address + ((subnet << 64) + host)

    @property
    def gateway(self) -> IPv6Address:
        return self._at(0, 1)

    @property
    def services(self) -> IPv6Network:
        return IPv6Network(f"{self._at(0x64)}/112")

    @property
    def pods(self) -> IPv6Network:
        return IPv6Network(f"{self._at(0x8000)}/56")

    def node(self, index: int) -> IPv6Address:
        return self._at(0, 10 + index)

    def node_pods(self, index: int) -> IPv6Network:
        return IPv6Network(f"{self._at(0x8000 + index)}/64")


def beside(network: Network) -> Network6:
    """The IPv6 ranges of the cluster that has this IPv4 block: free where that is free."""
    half = int(network.block.network_address) >> 16
    return Network6(block=IPv6Network(f"fd70:6f64:{half:x}::/48"))


def candidates() -> Iterator[IPv4Network]:
    """Blocks to try, the ones least used by others first."""
    for second in range(85, 250):
        yield IPv4Network(f"10.{second}.0.0/16")
    for second in range(20, 32):
        yield IPv4Network(f"172.{second}.0.0/16")


def choose(used: Iterable[IPv4Network]) -> Network:
    """The first block that touches nothing in use. Raises Trouble when there is none."""
    busy = [network for network in used if network.prefixlen > 0]
    for block in candidates():
        if not any(block.overlaps(network) for network in busy):
            return Network(block=block)
    raise Trouble("every private address block is routed already", "free one /16 of 10.85-249 or 172.20-31")


def in_use(routes: str, resolv_conf: str) -> list[IPv4Network]:
    """Networks named by `ip -j route show table all` and by the resolvers. Default routes are left out."""
    found = []
    for route in json.loads(routes or "[]"):
        place = route.get("dst", "default")
        if place != "default" and ":" not in place:
            found.append(IPv4Network(place, strict=False))
    found += [IPv4Network(f"{resolver}/32") for resolver in resolvers(resolv_conf)]
    return found


def resolvers(resolv_conf: str) -> list[str]:
    """IPv4 name servers of a resolv.conf that a node can reach: loopback ones are on the host only."""
    found = []
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and ":" not in words[1]:
            address = IPv4Address(words[1])
            if not address.is_loopback:
                found.append(str(address))
    return found


def read_resolv_conf() -> str:
    """The host's resolver file; systemd-resolved keeps the one with real servers apart."""
    for place in (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf")):
        if place.is_file():
            return place.read_text()
    return ""


def used_here() -> list[IPv4Network]:
    """What this host routes and resolves by now."""
    return in_use(run(["ip", "-4", "-j", "route", "show", "table", "all"]), read_resolv_conf())
