"""What the guest learns by DHCP about its network: from the wiring, the VMI and the pod's resolv.conf. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

from msgspec import Struct

from virt_handler.plan.network import Wiring

LEASE_SECONDS = 999 * 24 * 3600
FALLBACK_DNS = "8.8.8.8"
FALLBACK_SEARCH = "cluster.local"
MAX_SEARCH_DOMAINS = 32
MAX_NAMESERVERS = 16


class Resolver(Struct, frozen=True, kw_only=True):
    """The pod's resolv.conf, as far as a guest can use it."""

    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


class Lease(Struct, frozen=True, kw_only=True):
    """Everything that one guest NIC is told. Addresses are text; routes (destination CIDR, gateway)."""

    mac: str
    """The only client answered; empty: any (masquerade, where nobody else is on the wire)."""
    address: str
    prefix: int
    server: str
    router: str
    mtu: int
    hostname: str
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    boot_server: str = ""
    boot_file: str = ""
    ntp_servers: tuple[str, ...] = ()
    private: tuple[tuple[int, str], ...] = ()
    address6: str = ""
    """masquerade: what DHCPv6 hands out."""
    server_mac: str = ""
    nameservers6: tuple[str, ...] = ()

    @property
    def domain(self) -> str:
        """The longest search domain: the namespace's own, in a cluster."""
        return max(self.search, key=len, default="")


def parse_resolv_conf(text: str) -> Resolver:
    """nameserver and search lines; the last search line counts."""
    nameservers: list[str] = []
    search: tuple[str, ...] = ()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            nameservers.append(words[1])
        elif len(words) >= 2 and words[0] == "search":
            search = tuple(words[1:])
    return Resolver(nameservers=tuple(nameservers[:MAX_NAMESERVERS]), search=search[:MAX_SEARCH_DOMAINS])


def lease_of(wiring: Wiring, vmi: dict[str, Any], resolver: Resolver, hostname: str) -> Lease | None:
    """The lease of one network, or None where nothing is served (a pod NIC without IPv4, on bridge binding)."""
    four = next((family for family in wiring.families if family.version == 4), None)
    six = next((family for family in wiring.families if family.version == 6), None)
    interface = next(
        each for each in vmi["spec"]["domain"]["devices"]["interfaces"] if each["name"] == wiring.network
    )  # fmt: skip
    options = interface.get("dhcpOptions") or {}
    common: dict[str, Any] = {
        "mtu": wiring.link.mtu, "hostname": hostname, "search": search_list(vmi, resolver),
        "nameservers": _of_family(resolver.nameservers, 4) or (FALLBACK_DNS,),
        "nameservers6": _of_family(resolver.nameservers, 6),
        "boot_server": options.get("tftpServerName") or "", "boot_file": options.get("bootFileName") or "",
        "ntp_servers": _of_family(tuple(options.get("ntpServers") or ()), 4),
        "private": tuple((int(each["option"]), each["value"]) for each in options.get("privateOptions") or ()),
        "address6": six.guest if six else "", "server_mac": wiring.bridge_mac,
    }  # fmt: skip
    if wiring.binding == "masquerade":
        if not (four or six):
            return None
        return Lease(
            mac="", address=four.guest if four else "", prefix=four.prefix if four else 0,
            server=wiring.server, router=four.gateway if four else "", **common,
        )  # fmt: skip
    if not wiring.lease:
        return None
    address = ipaddress.ip_interface(wiring.lease)
    return Lease(
        mac=wiring.guest_mac.lower(), address=str(address.ip), prefix=address.network.prefixlen, server=wiring.server,
        router=_default_gateway(wiring), routes=_routes(wiring), **common,
    )  # fmt: skip


def search_list(vmi: dict[str, Any], resolver: Resolver) -> tuple[str, ...]:
    """The pod's search domains; with spec.subdomain its own service domain first, so that siblings resolve."""
    search = resolver.search or (FALLBACK_SEARCH,)
    subdomain = vmi["spec"].get("subdomain")
    if not subdomain:
        return search
    services = [each for each in search if ".svc." in f".{each}."]
    own = f"{subdomain}.{max(services, key=len)}" if services else subdomain
    return search if own in search else (own, *search)


def _of_family(addresses: tuple[str, ...], version: int) -> tuple[str, ...]:
    found = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text.split("%")[0])
        except ValueError:
            continue
        if address.version == version:
            found.append(str(address))
    return tuple(found)


def _default_gateway(wiring: Wiring) -> str:
    return next((gateway for destination, gateway in wiring.link.routes if destination.endswith("/0")), "")


def _routes(wiring: Wiring) -> tuple[tuple[str, str], ...]:
    """The pod's own routes but the one to its subnet, the default one last (option 121 makes clients ignore 3)."""
    subnet = str(ipaddress.ip_interface(wiring.lease).network)
    others = [route for route in wiring.link.routes if route[0] != subnet]
    return tuple(sorted(others, key=lambda route: route[0].endswith("/0")))
