"""The links of a cluster in the host's network namespace: one bridge, one cable per running node, a way out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from localcluster.host.addresses import Network, Network6
from localcluster.shell import run, succeeds

FAMILY = {4: "ip", 6: "ip6"}
PREFIX = {4: 24, 6: 64}
FORWARDING = {4: Path("/proc/sys/net/ipv4/ip_forward"), 6: Path("/proc/sys/net/ipv6/conf/all/forwarding")}
"""By IP version: family of nftables, prefix of the nodes' network, the kernel's switch."""

LONGEST = 15
"""Characters in a link's name that the kernel takes."""


def bridge_name(cluster: str) -> str:
    plain = f"pv-{cluster}"
    return plain if len(plain) <= LONGEST else f"pv-{_mark(cluster)}"


def cable_name(cluster: str, node: int) -> str:
    return f"pv{_mark(cluster)}n{node}"


def table_name(cluster: str) -> str:
    return f"podvirt_{_mark(cluster)}"


def _mark(cluster: str) -> str:
    return hashlib.sha256(cluster.encode()).hexdigest()[:7]


def make_bridge(cluster: str, networks: Sequence[Network | Network6]) -> None:
    """Bridge with the gateways' addresses, forwarding on, a masquerade for what leaves the blocks. Repeatable."""
    bridge = bridge_name(cluster)
    if not exists(bridge):
        run(["ip", "link", "add", bridge, "type", "bridge"])
    for network in networks:
        gateway = network.gateway
        prefix, knob = PREFIX[gateway.version], FORWARDING[gateway.version]
        undelayed = ["nodad"] if gateway.version == 6 else []
        run(["ip", "address", "replace", f"{gateway}/{prefix}", "dev", bridge, *undelayed])
        knob.write_text("1")
        run(["nft", "-f", "-"], stdin=way_out(table_name(cluster), network.block, bridge))
    run(["ip", "link", "set", bridge, "up"])
    _accept_through_firewall(bridge)


def way_out(table: str, block: IPv4Network | IPv6Network, bridge: str) -> str:
    """nftables script: replaces our table; addresses of the block are hidden behind the host's."""
    family = FAMILY[block.version]
    return f"""
table {family} {table} {{}}
delete table {family} {table}
table {family} {table} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    {family} saddr {block} {family} daddr != {block} oifname != "{bridge}" masquerade
  }}
}}
"""


def _firewall_rules(bridge: str) -> list[list[str]]:
    return [["FORWARD", "-i", bridge, "-j", "ACCEPT"], ["FORWARD", "-o", bridge, "-j", "ACCEPT"]]


def _accept_through_firewall(bridge: str) -> None:
    """Where something (Docker does) made the host drop forwarded packets by policy, let ours pass."""
    if "-P FORWARD DROP" not in run(["iptables", "-S", "FORWARD"]):
        return
    for rule in _firewall_rules(bridge):
        if not succeeds(["iptables", "-C", *rule]):
            run(["iptables", "-I", *rule])


def remove_bridge(cluster: str) -> None:
    bridge = bridge_name(cluster)
    if exists(bridge):
        run(["ip", "link", "delete", bridge])
    for family in FAMILY.values():
        succeeds(["nft", "delete", "table", family, table_name(cluster)])
    for rule in _firewall_rules(bridge):
        while succeeds(["iptables", "-C", *rule]):
            run(["iptables", "-D", *rule])


def exists(link: str) -> bool:
    return Path(f"/sys/class/net/{link}").exists()


def hardware_address(address: IPv4Address) -> str:
    """Of the network card of the node with this address: the same at every boot, so nobody's ARP cache is wrong."""
    return ":".join(f"{byte:02x}" for byte in (0x0A, 0x58, *address.packed))


def plug(cluster: str, node: int, address: IPv4Address, pid: int) -> None:
    """Lay a cable from the bridge to `eth0` in the network namespace of process `pid`."""
    cable, hardware = cable_name(cluster, node), hardware_address(address)
    unplug(cluster, node)
    far_end = ["peer", "name", "eth0", "address", hardware, "netns", str(pid)]
    run(["ip", "link", "add", cable, "type", "veth", *far_end])
    run(["ip", "link", "set", cable, "master", bridge_name(cluster), "up"])


def unplug(cluster: str, node: int) -> None:
    """Remove the host's end; the kernel does so too, a moment after the node's namespace is gone."""
    if exists(cable_name(cluster, node)):
        succeeds(["ip", "link", "delete", cable_name(cluster, node)])


Route = tuple[IPv4Network | IPv6Network, IPv4Address | IPv6Address]


def route_services(cluster: str, routes: Sequence[Route]) -> None:
    """Let the host reach pods and Services through the nodes. The routes go with the bridge."""
    for destination, node in routes:
        run(["ip", "route", "replace", str(destination), "via", str(node), "dev", bridge_name(cluster)])


def route_within(pid: int, routes: Sequence[Route]) -> None:
    """Let the node of process `pid` reach the pods of the others."""
    for destination, node in routes:
        run(["nsenter", "--target", str(pid), "--net", "ip", "route", "replace", str(destination), "via", str(node)])
