"""The network of a node, in its own namespace: the cable that the host lays, routes to the other nodes' pods."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from localcluster.render.places import ETC
from localcluster.shell import run
from localcluster.waiting import wait_for

SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/default/proxy_arp": "1",
    "net/ipv4/neigh/default/proxy_delay": "0",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/route_localnet": "1",
}
"""proxy_arp: a guest that took over its pod's address believes the other pods of the node to be on its link."""


def arrange(document: dict[str, Any]) -> None:
    """`document` is the node's JSON: `hostname`, `addresses` (with prefix), `gateways`, `routes` [[network, via]]."""
    socket.sethostname(document["hostname"])
    wait_for(
        "a cable to the node", Path("/sys/class/net/eth0").exists, seconds=120, mend="start the node again", every=0.02
    )
    for name, value in SYSCTLS.items():
        place = Path("/proc/sys", name)
        if place.exists():
            place.write_text(value)
    run(["ip", "link", "set", "lo", "up"])
    for address in document["addresses"]:
        run(["ip", "address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else [])])
    run(["ip", "link", "set", "eth0", "up"])
    for gateway in document["gateways"]:
        run(["ip", "-6" if ":" in gateway else "-4", "route", "add", "default", "via", gateway])
    for network, via in document["routes"]:
        run(["ip", "route", "add", network, "via", via])
    run(["nft", "-f", f"{ETC}/nat.nft"])
