"""What an interface says of itself: its model, addresses, and what its guest is told by DHCP."""

from __future__ import annotations

import re
from collections.abc import Iterator

from virt_api.plan.causes import NOT_SUPPORTED
from virt_api.plan.reading import Raw, items, number, numbered, rows, text
from virt_api.plan.rule import Offences, Rule, Subject
from virt_model.name_forms import is_address

MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")
INTERFACE = "{at}.domain.devices.interfaces[{i}]"

_MAC = re.compile("([0-9a-fA-F]{2}([:-])([0-9a-fA-F]{2}\\2){4}[0-9a-fA-F]{2})", re.ASCII)
PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]", re.ASCII)


def interfaces(subject: Subject) -> Iterator[tuple[int, Raw]]:
    """Each with its place in the list."""
    return numbered(subject.spec, "domain", "devices", "interfaces")


def _unknown_model(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        model = text(interface, "model")
        if model and model not in MODELS:
            yield {"i": i, "model": model}


def _malformed_mac(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        mac = text(interface, "macAddress")
        if mac and not _MAC.fullmatch(mac):
            yield {"i": i, "mac": mac}


def _malformed_pci_address(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        address = text(interface, "pciAddress")
        if address and not PCI_ADDRESS.fullmatch(address):
            yield {"i": i, "address": address}


def _repeated_dhcp_option(subject: Subject) -> Offences:
    for _, interface in interfaces(subject):
        options = [number(option, "option") for option in rows(interface, "dhcpOptions", "privateOptions")]
        if len(set(options)) < len(options):
            yield {}


def _unreachable_time_server(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        for j, server in enumerate(items(interface, "dhcpOptions", "ntpServers")):
            if not (isinstance(server, str) and is_address(server, 4)):
                yield {"i": i, "j": j}


def _dhcp_option_out_of_range(subject: Subject) -> Offences:
    for _, interface in interfaces(subject):
        for option in rows(interface, "dhcpOptions", "privateOptions"):
            if not 224 <= (number(option, "option") or 0) <= 254:
                yield {}


INTERFACES = (
    Rule(
        _unknown_model,
        INTERFACE + ".model",
        "interface " + INTERFACE + ".name uses model {model} that is not supported.",
        NOT_SUPPORTED,
    ),
    Rule(
        _malformed_mac,
        INTERFACE + ".macAddress",
        "interface " + INTERFACE + ".name has malformed MAC address ({mac}).",
    ),
    Rule(
        _malformed_pci_address,
        INTERFACE + ".pciAddress",
        "interface " + INTERFACE + ".name has malformed PCI address ({address}).",
    ),
    Rule(
        _repeated_dhcp_option,
        "{at}",
        "Found Duplicates: you have provided duplicate DHCPPrivateOptions",
    ),
    Rule(
        _dhcp_option_out_of_range,
        "{at}",
        "provided DHCPPrivateOptions are out of range, must be in range 224 to 254",
    ),
    Rule(
        _unreachable_time_server,
        INTERFACE + ".dhcpOptions.ntpServers[{j}]",
        "NTP servers must be a list of valid IPv4 addresses.",
    ),
)
