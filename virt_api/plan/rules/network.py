"""Interfaces and networks: one interface for each network by name, one binding for each interface.

The two lists describe one thing from two sides, the guest's (a card, its model, address and open ports) and the
pod's (which network it leads to). What is wrong between them is told once per side that can mend it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from virt_api.plan.causes import DUPLICATE, REQUIRED
from virt_api.plan.reading import Raw, flag, has, numbered, rows, text
from virt_api.plan.rule import Offences, Rule, Subject, once
from virt_api.plan.rules.interface import INTERFACE, interfaces
from virt_model.network_rules import BINDINGS, MASQUERADE_BRIDGE_MAC

STATES = ("absent", "up", "down")

_NAME = re.compile("[A-Za-z0-9_-]+", re.ASCII)


def _network_of(subject: Subject, interface: Raw) -> Raw | None:
    wanted = text(interface, "name")
    return next((each for each in rows(subject.spec, "networks") if text(each, "name") == wanted), None)


def _dead(binding: str, subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
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
    names = {text(interface, "name") for _, interface in interfaces(subject)}
    for i, network in numbered(subject.spec, "networks"):
        if (name := text(network, "name")) not in names:
            yield {"i": i, "name": name}


def _interface_without_network(subject: Subject) -> Offences:
    names = {text(network, "name") for network in rows(subject.spec, "networks")}
    for i, interface in interfaces(subject):
        if (name := text(interface, "name")) not in names:
            yield {"i": i, "name": name}


def _repeated_interface(subject: Subject) -> Offences:
    seen: set[str] = set()
    for i, interface in interfaces(subject):
        name = text(interface, "name")
        if name in seen:
            yield {"i": i}
        seen.add(name)


def _unspeakable_name(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        if not _NAME.fullmatch(text(interface, "name")):
            yield {"i": i}


def _not_one_binding(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        if sum(has(interface, binding) for binding in BINDINGS) != 1:
            yield {"i": i, "name": text(interface, "name")}


def _masquerade_elsewhere(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        network = _network_of(subject, interface)
        if has(interface, "masquerade") and network is not None and not has(network, "pod"):
            yield {"i": i}


def _forbidden_bridge(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        network = _network_of(subject, interface)
        on_pod = network is not None and has(network, "pod")
        if has(interface, "bridge") and on_pod and not subject.config.permit_bridge_on_pod_network:
            yield {"i": i}


def _masquerade_with_taken_mac(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        mac = text(interface, "macAddress").replace("-", ":").lower()
        if has(interface, "masquerade") and mac == MASQUERADE_BRIDGE_MAC:
            yield {"i": i}


def _unknown_state(subject: Subject) -> Offences:
    for i, interface in interfaces(subject):
        state = text(interface, "state")
        if state and state not in STATES:
            yield {"i": i, "name": text(interface, "name"), "state": state}


def _absent(subject: Subject) -> Iterator[tuple[int, Raw]]:
    return ((i, interface) for i, interface in interfaces(subject) if text(interface, "state") == "absent")


def _absent_without_bridge(subject: Subject) -> Offences:
    for i, interface in _absent(subject):
        if not has(interface, "bridge"):
            yield {"i": i, "name": text(interface, "name")}


def _absent_default(subject: Subject) -> Offences:
    for i, interface in _absent(subject):
        network = _network_of(subject, interface)
        if network is not None and (has(network, "pod") or flag(network, "multus", "default")):
            yield {"i": i, "name": text(interface, "name")}


_NETWORK = "{at}.networks[{i}]"
_GONE = " has been discontinued since v1.3"

DISCONTINUED = (
    Rule(_slirp, INTERFACE + ".slirp", "Slirp interface support" + _GONE),
    Rule(_macvtap, INTERFACE + ".macvtap", "Macvtap network binding" + _GONE),
    Rule(_passt, INTERFACE + ".passt", "Passt network binding" + _GONE),
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
    Rule(_interface_without_network, INTERFACE + ".name", INTERFACE + ".name '{name}' not found."),
    Rule(
        _repeated_interface,
        INTERFACE + ".name",
        "Only one interface can be connected to one specific network",
        DUPLICATE,
    ),
    Rule(
        _unspeakable_name,
        INTERFACE + ".name",
        "Network interface name can only contain alphabetical characters, numbers, dashes (-) or underscores (_)",
    ),
    Rule(
        _not_one_binding,
        INTERFACE,
        "logical {name} interface must have exactly one binding method or binding plugin",
    ),
    Rule(_masquerade_elsewhere, INTERFACE + ".name", "Masquerade interface only implemented with pod network"),
    Rule(
        _masquerade_with_taken_mac,
        INTERFACE + ".macAddress",
        "The requested MAC address is reserved for the in-pod bridge. Please choose another one.",
    ),
    Rule(
        _forbidden_bridge,
        INTERFACE + ".name",
        "Bridge on pod network configuration is not enabled under kubevirt-config",
    ),
    Rule(_unknown_state, INTERFACE + ".state", "logical {name} interface state value is unsupported: {state}"),
    Rule(
        _absent_without_bridge,
        INTERFACE + ".state",
        '"{name}" interface\'s state "absent" is supported only for bridge binding',
    ),
    Rule(
        _absent_default,
        INTERFACE + ".state",
        '"{name}" interface\'s state "absent" is not supported on default networks',
    ),
)
