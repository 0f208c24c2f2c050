"""The address at which this agent waits for guests: of the migrations' own network, where its pod has one."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from virt_handler.adapters.links import links
from virt_model.migration_way import INTERFACE


class NoAddress(OSError):
    """The interface of the migrations' network is there and has no address that another node reaches."""


def migration_address(own: str) -> str:
    """`own`, the pod's address, unless the pod has the interface now. Raises OSError."""
    with links() as net:
        link = net.pod_links().get(INTERFACE)
    return own if link is None else first_reachable(link.addresses)


def first_reachable(addresses: Iterable[str]) -> str:
    """Of addresses with their prefix lengths. Raises NoAddress."""
    for each in addresses:
        found = ipaddress.ip_interface(each).ip
        if not (found.is_link_local or found.is_loopback or found.is_multicast or found.is_unspecified):
            return str(found)
    raise NoAddress(f"{INTERFACE} has no address: migrations have a network of their own, and this node is not on it")
