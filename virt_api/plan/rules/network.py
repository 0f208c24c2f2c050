"""Interfaces and networks: one interface for each network by name, one binding for each interface.

The two lists describe one thing from two sides, the guest's (a card, its model, address and open ports) and the
pod's (which network it leads to). What is wrong between them is told once per side that can mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from virt_api.plan.causes import DUPLICATE, NOT_SUPPORTED, REQUIRED
from virt_api.plan.reading import Raw, flag, has, items, number, numbered, rows, text
from virt_api.plan.rule import Offences, Rule, Subject, once
from virt_model.name_forms import is_address
from virt_model.network_rules import BINDINGS, MASQUERADE_BRIDGE_MAC

MODELS = ("e1000", "e1000e", "igb", "ne2k_pci", "pcnet", "rtl8139", "virtio")
STATES = ("absent", "up", "down")

_NAME = re.compile("[A-Za-z0-9_-]+", re.ASCII)
_MAC = re.compile("([0-9a-fA-F]{2}([:-])([0-9a-fA-F]{2}\\2){4}[0-9a-fA-F]{2})", re.ASCII)
PCI_ADDRESS = re.compile(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]", re.ASCII)


def _interfaces(subject: Subject) -> Iterator[tuple[int, Raw]]:
    return numbered(subject.spec, "domain", "devices", "interfaces")


def _network_of(subject: Subject, interface: Raw) -> Raw | None:
    wanted = text(interface, "name")
    return next((each for each in rows(subject.spec, "networks") if text(each, "name") == wanted), None)


def _dead(binding: str, subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        if has(interface, binding):
            yield {"i": i}


def _slirp(subject: Subject) -> Offences:
    return _dead("slirp", subject)


def _macvtap(subject: Subject) -> Offences:
    return _dead("macvtap", subject)


def _passt(subject: Subject) -> Offences:
    return _dead("passt", subject)


def _two_pod_networks(subject: Subject) -> Offences:
    pods = [network for network in rows(subject.spec, "networks") if has(network, "pod")]
    return once(when=len(pods) > 1)


def _repeated_network(subject: Subject) -> Offences:
    seen: set[str] = set()
    for i, network in numbered(subject.spec, "networks"):
        name = text(network, "name")
        if name in seen:
            yield {"i": i, "name": name}
        seen.add(name)


def _network_without_type(subject: Subject) -> Offences:
    for i, network in numbered(subject.spec, "networks"):
        if not any(has(network, kind) for kind in ("pod", "multus", "resourceClaim")):
            yield {"i": i}


def _network_of_two_types(subject: Subject) -> Offences:
    for i, network in numbered(subject.spec, "networks"):
        if sum(has(network, kind) for kind in ("pod", "multus", "resourceClaim")) > 1:
            yield {"i": i}


def _multus_without_name(subject: Subject) -> Offences:
    for i, network in numbered(subject.spec, "networks"):
        if has(network, "multus") and not text(network, "multus", "networkName"):
            yield {"i": i}


def _two_default_multus(subject: Subject) -> Offences:
    defaults = [network for network in rows(subject.spec, "networks") if flag(network, "multus", "default")]
    return once(when=len(defaults) > 1)


def _pod_beside_default_multus(subject: Subject) -> Offences:
    networks = rows(subject.spec, "networks")
    pod = any(has(network, "pod") for network in networks)
    return once(when=pod and any(flag(network, "multus", "default") for network in networks))


def _network_without_interface(subject: Subject) -> Offences:
    names = {text(interface, "name") for _, interface in _interfaces(subject)}
    for i, network in numbered(subject.spec, "networks"):
        if (name := text(network, "name")) not in names:
            yield {"i": i, "name": name}


def _interface_without_network(subject: Subject) -> Offences:
    names = {text(network, "name") for network in rows(subject.spec, "networks")}
    for i, interface in _interfaces(subject):
        if (name := text(interface, "name")) not in names:
            yield {"i": i, "name": name}


def _repeated_interface(subject: Subject) -> Offences:
    seen: set[str] = set()
    for i, interface in _interfaces(subject):
        name = text(interface, "name")
        if name in seen:
            yield {"i": i}
        seen.add(name)


def _unspeakable_name(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        if not _NAME.fullmatch(text(interface, "name")):
            yield {"i": i}


def _not_one_binding(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        if sum(has(interface, binding) for binding in BINDINGS) != 1:
            yield {"i": i, "name": text(interface, "name")}


def _masquerade_elsewhere(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        network = _network_of(subject, interface)
        if has(interface, "masquerade") and network is not None and not has(network, "pod"):
            yield {"i": i}


def _forbidden_bridge(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        network = _network_of(subject, interface)
        on_pod = network is not None and has(network, "pod")
        if has(interface, "bridge") and on_pod and not subject.config.permit_bridge_on_pod_network:
            yield {"i": i}


def _masquerade_with_taken_mac(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        mac = text(interface, "macAddress").replace("-", ":").lower()
        if has(interface, "masquerade") and mac == MASQUERADE_BRIDGE_MAC:
            yield {"i": i}


def _unknown_state(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        state = text(interface, "state")
        if state and state not in STATES:
            yield {"i": i, "name": text(interface, "name"), "state": state}


def _absent(subject: Subject) -> Iterator[tuple[int, Raw]]:
    return ((i, interface) for i, interface in _interfaces(subject) if text(interface, "state") == "absent")


def _absent_without_bridge(subject: Subject) -> Offences:
    for i, interface in _absent(subject):
        if not has(interface, "bridge"):
            yield {"i": i, "name": text(interface, "name")}


def _absent_default(subject: Subject) -> Offences:
    for i, interface in _absent(subject):
        network = _network_of(subject, interface)
        if network is not None and (has(network, "pod") or flag(network, "multus", "default")):
            yield {"i": i, "name": text(interface, "name")}


def _unknown_model(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        model = text(interface, "model")
        if model and model not in MODELS:
            yield {"i": i, "model": model}


def _malformed_mac(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        mac = text(interface, "macAddress")
        if mac and not _MAC.fullmatch(mac):
            yield {"i": i, "mac": mac}


def _malformed_pci_address(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        address = text(interface, "pciAddress")
        if address and not PCI_ADDRESS.fullmatch(address):
            yield {"i": i, "address": address}


def _repeated_dhcp_option(subject: Subject) -> Offences:
    for _, interface in _interfaces(subject):
        options = [number(option, "option") for option in rows(interface, "dhcpOptions", "privateOptions")]
        if len(set(options)) < len(options):
            yield {}


def _unreachable_time_server(subject: Subject) -> Offences:
    for i, interface in _interfaces(subject):
        for j, server in enumerate(items(interface, "dhcpOptions", "ntpServers")):
            if not (isinstance(server, str) and is_address(server, 4)):
                yield {"i": i, "j": j}


def _dhcp_option_out_of_range(subject: Subject) -> Offences:
    for _, interface in _interfaces(subject):
        for option in rows(interface, "dhcpOptions", "privateOptions"):
            if not 224 <= (number(option, "option") or 0) <= 254:
                yield {}


_NETWORK = "{at}.networks[{i}]"
_INTERFACE = "{at}.domain.devices.interfaces[{i}]"
_GONE = " has been discontinued since v1.3"

DISCONTINUED = (
    Rule(_slirp, _INTERFACE + ".slirp", "Slirp interface support" + _GONE),
    Rule(_macvtap, _INTERFACE + ".macvtap", "Macvtap network binding" + _GONE),
    Rule(_passt, _INTERFACE + ".passt", "Passt network binding" + _GONE),
)
NETWORKS = (
    Rule(
        _two_pod_networks,
        "{at}.interfaces",
        "more than one interface is connected to a pod network in {at}.interfaces",
        DUPLICATE,
    ),
    Rule(_two_default_multus, "{at}.networks", "Multus CNI should only have one default network"),
    Rule(
        _pod_beside_default_multus,
        "{at}.networks",
        "Pod network cannot be defined when Multus default network is defined",
    ),
    Rule(_network_without_type, _NETWORK, "should have a network type", REQUIRED),
    Rule(_network_of_two_types, _NETWORK, "should have only one network type", REQUIRED),
    Rule(_multus_without_name, _NETWORK, "CNI delegating plugin must have a networkName", REQUIRED),
    Rule(
        _repeated_network,
        _NETWORK + ".name",
        'Network with name "{name}" already exists, every network must have a unique name',
        DUPLICATE,
    ),
    Rule(_network_without_interface, _NETWORK + ".name", _NETWORK + ".name '{name}' not found.", REQUIRED),
    Rule(_interface_without_network, _INTERFACE + ".name", _INTERFACE + ".name '{name}' not found."),
    Rule(
        _repeated_interface,
        _INTERFACE + ".name",
        "Only one interface can be connected to one specific network",
        DUPLICATE,
    ),
    Rule(
        _unspeakable_name,
        _INTERFACE + ".name",
        "Network interface name can only contain alphabetical characters, numbers, dashes (-) or underscores (_)",
    ),
    Rule(
        _not_one_binding,
        _INTERFACE,
        "logical {name} interface must have exactly one binding method or binding plugin",
    ),
    Rule(_masquerade_elsewhere, _INTERFACE + ".name", "Masquerade interface only implemented with pod network"),
    Rule(
        _masquerade_with_taken_mac,
        _INTERFACE + ".macAddress",
        "The requested MAC address is reserved for the in-pod bridge. Please choose another one.",
    ),
    Rule(
        _forbidden_bridge,
        _INTERFACE + ".name",
        "Bridge on pod network configuration is not enabled under kubevirt-config",
    ),
    Rule(_unknown_state, _INTERFACE + ".state", "logical {name} interface state value is unsupported: {state}"),
    Rule(
        _absent_without_bridge,
        _INTERFACE + ".state",
        '"{name}" interface\'s state "absent" is supported only for bridge binding',
    ),
    Rule(
        _absent_default,
        _INTERFACE + ".state",
        '"{name}" interface\'s state "absent" is not supported on default networks',
    ),
    Rule(
        _unknown_model,
        _INTERFACE + ".model",
        "interface " + _INTERFACE + ".name uses model {model} that is not supported.",
        NOT_SUPPORTED,
    ),
    Rule(
        _malformed_mac,
        _INTERFACE + ".macAddress",
        "interface " + _INTERFACE + ".name has malformed MAC address ({mac}).",
    ),
    Rule(
        _malformed_pci_address,
        _INTERFACE + ".pciAddress",
        "interface " + _INTERFACE + ".name has malformed PCI address ({address}).",
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
        _INTERFACE + ".dhcpOptions.ntpServers[{j}]",
        "NTP servers must be a list of valid IPv4 addresses.",
    ),
)
