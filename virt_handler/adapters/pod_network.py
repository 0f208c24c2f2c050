"""Make the wirings of a VMI real in its pod. Runs where the calling thread stands; every step may be repeated."""

from __future__ import annotations

from typing import Any

from virt_handler.adapters import nft
from virt_handler.adapters.links import Links, ensure_tap, links, set_sysctl
from virt_handler.plan import nft_rules
from virt_handler.plan.network import QEMU_USER, PodLink, Wiring, wire


def observe() -> dict[str, PodLink]:
    """The pod's links as the CNI left them."""
    with links() as net:
        return net.pod_links()


def plan(vmi: dict[str, Any]) -> tuple[Wiring, ...]:
    """Look at the pod and decide. Only while its set-up was never begun: bridge binding moves addresses."""
    return wire(vmi, observe())


def setup(wirings: tuple[Wiring, ...], mesh: bool) -> None:
    """All devices, addresses, sysctls and rules; raises OSError."""
    with links() as net:
        for wiring in wirings:
            if wiring.binding == "masquerade":
                _masquerade(net, wiring)
            else:
                _bridge(net, wiring)
    for wiring in wirings:
        nft.apply(nft_rules.transaction(wiring, mesh))


def _masquerade(net: Links, wiring: Wiring) -> None:
    names = wiring.names
    bridge = net.ensure_bridge(names.bridge, wiring.bridge_mac, wiring.link.mtu)
    for family in wiring.families:
        net.add_address(bridge, f"{family.gateway}/{family.prefix}")
    _tap(net, wiring, bridge)
    net.up(bridge)
    versions = {family.version for family in wiring.families}
    if 4 in versions:
        set_sysctl("ipv4/ip_forward", "1")
        set_sysctl(f"ipv4/conf/{names.bridge}/route_localnet", "1")
    if 6 in versions:
        set_sysctl("ipv6/conf/all/forwarding", "1")


def _bridge(net: Links, wiring: Wiring) -> None:
    names, link = wiring.names, wiring.link
    bridge = net.ensure_bridge(names.bridge, wiring.bridge_mac, link.mtu)
    nic = net.index(names.nic)
    if nic is None:
        nic = net.index(names.pod)
        assert nic is not None, names.pod
        net.down(nic)
        net.flush_addresses(nic)
        net.rename(nic, names.nic)
    net.down(nic)
    net.set_mac(nic, wiring.bridge_mac)
    net.enslave(nic, bridge)
    net.stop_learning(nic)
    net.up(nic)
    holder = net.ensure_holder(names.pod, link.mac, link.mtu)
    for address in link.addresses:
        net.add_address(holder, address)
    net.up(holder)
    if wiring.server:
        net.add_address(bridge, f"{wiring.server}/32")
    _tap(net, wiring, bridge)
    net.up(bridge)
    set_sysctl("ipv4/conf/all/arp_ignore", "1")


def _tap(net: Links, wiring: Wiring, bridge: int) -> None:
    ensure_tap(wiring.names.tap, QEMU_USER, QEMU_USER, wiring.queues)
    tap = net.index(wiring.names.tap)
    assert tap is not None, wiring.names.tap
    net.set_mtu(tap, wiring.link.mtu)
    net.enslave(tap, bridge)
    net.up(tap)
