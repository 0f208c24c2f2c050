"""How each pod network of a VMI is wired to its guest: names, addresses and the order of steps. Pure.

masquerade                                   bridge
  eth0 10.244.1.7 ── nft nat ── k6t-eth0       eth0 (dummy, keeps the address)
                                 10.0.2.1      eth0-nic ──┐
                                   │                   k6t-eth0 169.254.75.10
                                 tap0 ── guest             │
                                         10.0.2.2        tap0 ── guest, the pod's MAC and address by DHCP

Names and addresses: KubeVirt's, since people, CNI plugins and service meshes look for them.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from msgspec import Struct

from virt_model import network_rules as rules

QEMU_USER = 107
MAX_QUEUES = 256


class NetworkError(Exception):
    """The VMI's networks cannot be wired as asked; the text is for the user."""


class PodLink(Struct, frozen=True, kw_only=True):
    """A NIC of the pod as the CNI left it. Addresses and destinations in CIDR form; gateways bare."""

    name: str
    mac: str
    mtu: int
    addresses: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    """(destination, gateway or "") of the IPv4 routes through this NIC; the default one is `0.0.0.0/0`."""

    def address(self, family: int) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface | None:
        """The first global-unicast address of IP `family` 4 or 6."""
        for text in self.addresses:
            address = ipaddress.ip_interface(text)
            if address.version == family and not (address.ip.is_link_local or address.ip.is_loopback):
                return address
        return None


class Names(Struct, frozen=True, kw_only=True):
    """Device names of one network inside the pod."""

    pod: str
    bridge: str
    tap: str
    nic: str
    """What the pod's NIC is called once its name is given to the dummy (bridge binding)."""


class GuestFamily(Struct, frozen=True, kw_only=True):
    """One IP family of a masqueraded guest network."""

    version: int
    gateway: str
    guest: str
    prefix: int


class Wiring(Struct, frozen=True, kw_only=True):
    """All that is to be done for one network, decided from the VMI and from the NIC that the CNI made."""

    network: str
    binding: str
    names: Names
    link: PodLink
    guest_mac: str
    queues: int
    bridge_mac: str
    """Also the new MAC of the pod's NIC with bridge binding, since its own belongs to the guest then."""
    families: tuple[GuestFamily, ...] = ()
    """masquerade: the families served; empty for bridge binding."""
    lease: str = ""
    """bridge: the IPv4 address with prefix that DHCP hands to the guest."""
    server: str = ""
    """The address on the bridge that DHCPv4 answers from; empty: no DHCPv4."""
    ports: tuple[tuple[str, int], ...] = ()
    """masquerade: (protocol, port) to forward; empty: all."""


def names_of(network: str, primary: bool) -> Names:
    """Names for the primary pod network, or hashed ones for a secondary network."""
    pod = rules.pod_interface(network, primary=primary)
    return Names(pod=pod, bridge=rules.bridge_name(pod), tap=rules.tap_name(pod), nic=rules.renamed_nic(pod))


def attached_interfaces(vmi: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(interface, network) pairs of a VMI in the order of its interfaces, the primary network first."""
    networks = {network["name"]: network for network in vmi["spec"].get("networks") or ()}
    interfaces = vmi["spec"]["domain"].get("devices", {}).get("interfaces") or ()
    pairs = [(interface, networks[interface["name"]]) for interface in interfaces if interface["name"] in networks]
    return sorted(pairs, key=lambda pair: not is_primary(pair[1]))


def is_primary(network: dict[str, Any]) -> bool:
    return "pod" in network or bool(network.get("multus", {}).get("default"))


def queue_count(vmi: dict[str, Any]) -> int:
    """Queue pairs of each tap: one, or one per vCPU with networkInterfaceMultiqueue."""
    domain = vmi["spec"]["domain"]
    if not domain.get("devices", {}).get("networkInterfaceMultiqueue"):
        return 1
    cpu = domain.get("cpu", {})
    vcpus = (cpu.get("sockets") or 1) * (cpu.get("cores") or 1) * (cpu.get("threads") or 1)
    return int(min(vcpus, MAX_QUEUES))


def wire(vmi: dict[str, Any], links: dict[str, PodLink]) -> tuple[Wiring, ...]:
    """The wirings of a VMI, from the pod's NICs by name. Raises NetworkError naming what does not fit."""
    return tuple(
        _wire_one(vmi, interface, network, links, index)
        for index, (interface, network) in enumerate(attached_interfaces(vmi))
    )


def _wire_one(
    vmi: dict[str, Any], interface: dict[str, Any], network: dict[str, Any], links: dict[str, PodLink], index: int
) -> Wiring:
    name = interface["name"]
    names = names_of(name, is_primary(network))
    link = links.get(names.pod)
    if link is None:
        raise NetworkError(f'network "{name}": the pod has no NIC {names.pod}')
    if "masquerade" in interface:
        return _masquerade(vmi, interface, network, names, link)
    if "bridge" in interface:
        return _bridge(vmi, interface, names, link, index)
    raise NetworkError(f'interface "{name}" has no binding that this version can make')


def _masquerade(
    vmi: dict[str, Any], interface: dict[str, Any], network: dict[str, Any], names: Names, link: PodLink
) -> Wiring:
    pod = network.get("pod") or {}
    families = []
    for version, cidr in (
        (4, pod.get("vmNetworkCIDR") or rules.MASQUERADE_CIDR),
        (6, pod.get("vmIPv6NetworkCIDR") or rules.MASQUERADE_CIDR_V6),
    ):
        if link.address(version) is not None:
            families.append(_family(interface["name"], version, cidr))
    server = next((family.gateway for family in families if family.version == 4), "")
    return Wiring(
        network=interface["name"], binding="masquerade", names=names, link=link,
        guest_mac=interface.get("macAddress") or link.mac, queues=queue_count(vmi),
        bridge_mac=rules.MASQUERADE_BRIDGE_MAC, families=tuple(families), server=server,
        ports=tuple((_protocol(port), int(port["port"])) for port in interface.get("ports") or ()),
    )  # fmt: skip


def _protocol(port: dict[str, Any]) -> str:
    return str(port.get("protocol") or "TCP").lower()


def _family(name: str, version: int, cidr: str) -> GuestFamily:
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise NetworkError(f'network "{name}": {error}') from error
    if network.version != version or network.num_addresses < 4:
        raise NetworkError(f'network "{name}": {cidr} is no IPv{version} network with room for a gateway and a guest')
    return GuestFamily(version=version, gateway=str(network[1]), guest=str(network[2]), prefix=network.prefixlen)


def _bridge(vmi: dict[str, Any], interface: dict[str, Any], names: Names, link: PodLink, index: int) -> Wiring:
    address = link.address(4)
    return Wiring(
        network=interface["name"], binding="bridge", names=names, link=link,
        guest_mac=interface.get("macAddress") or link.mac, queues=queue_count(vmi),
        bridge_mac=_neighbour_mac(link.mac), lease=str(address) if address else "",
        server=f"169.254.75.1{index}" if address else "",
    )  # fmt: skip


def _neighbour_mac(mac: str) -> str:
    """A locally administered MAC that differs from the given one and is the same each time."""
    octets = mac.split(":")
    return ":".join(["02", *octets[1:5], f"{int(octets[5], 16) ^ 0xFF:02x}"])


def pod_addresses(wiring: Wiring, preferred: int) -> tuple[str, ...]:
    """The pod's addresses of this network as status shows them, the handler's own family (4 or 6) first."""
    found = {family: wiring.link.address(family) for family in (4, 6)}
    if wiring.binding == "bridge":
        found[6] = None
    order = (preferred, 10 - preferred)
    return tuple(str(address.ip) for family in order if (address := found[family]) is not None)
