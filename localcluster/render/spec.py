"""What a cluster is: the few facts from which every document is rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from localcluster.host.addresses import MAX_NODES, Network, Network6, beside
from localcluster.trouble import Trouble

DOMAIN = "cluster.local"
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Node:
    """Node `index` (from 1); the first also runs the control plane."""

    index: int
    network: Network
    network6: Network6 | None = None

    @property
    def name(self) -> str:
        return f"node{self.index}"

    @property
    def address(self) -> IPv4Address:
        return self.network.node(self.index)

    @property
    def pods(self) -> IPv4Network:
        return self.network.node_pods(self.index)

    @property
    def addresses(self) -> list[IPv4Address | IPv6Address]:
        """Of every family that the cluster has."""
        return [self.address, *([self.network6.node(self.index)] if self.network6 else [])]

    @property
    def pod_ranges(self) -> list[IPv4Network | IPv6Network]:
        return [self.pods, *([self.network6.node_pods(self.index)] if self.network6 else [])]

    @property
    def controls(self) -> bool:
        return self.index == 1


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A cluster by name, address block and number of nodes. `ipv6`: pods and Services have both families."""

    name: str
    network: Network
    size: int
    ipv6: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        indices = range(1, self.size + 1)
        return tuple(Node(index=index, network=self.network, network6=self.network6) for index in indices)

    @property
    def network6(self) -> Network6 | None:
        return beside(self.network) if self.ipv6 else None

    @property
    def networks(self) -> list[Network | Network6]:
        """One per family, IPv4 first."""
        return [self.network, *([self.network6] if self.network6 else [])]

    @property
    def services(self) -> str:
        """As flags take it: one range per family."""
        return ",".join(str(network.services) for network in self.networks)

    @property
    def pods(self) -> str:
        return ",".join(str(network.pods) for network in self.networks)

    @property
    def api(self) -> str:
        return f"https://{self.nodes[0].address}:6443"

    @property
    def cgroup(self) -> str:
        return f"podvirt-{self.name}"

    @property
    def context(self) -> str:
        return f"podvirt-{self.name}"

    def node(self, name: str) -> Node:
        """Raises Trouble for a name that the cluster does not have."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise Trouble(f"cluster {self.name} has no node {name}", f"name one of {', '.join(n.name for n in self.nodes)}")

    def document(self) -> dict[str, Any]:
        return {"name": self.name, "block": str(self.network.block), "size": self.size, "ipv6": self.ipv6}


def from_document(document: dict[str, Any]) -> Spec:
    return Spec(
        name=document["name"],
        network=Network(block=IPv4Network(document["block"])),
        size=int(document["size"]),
        ipv6=bool(document.get("ipv6", False)),
    )


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Trouble(f"`{name}` cannot name a cluster", "use up to 40 small letters, digits and dashes")


def check_size(size: int) -> None:
    if not 1 <= size <= MAX_NODES:
        raise Trouble(f"a cluster cannot have {size} nodes", f"ask for 1 to {MAX_NODES}")
