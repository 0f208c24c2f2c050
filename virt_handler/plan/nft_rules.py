"""The NAT rules of a masqueraded guest as one libnftables JSON transaction. Pure.

Chains, priorities and rule order are KubeVirt's, so that an operator who reads `nft list ruleset` in a pod finds what
the documentation says. JSON schema: libnftables-json(5).
"""

from __future__ import annotations

from typing import Any

from virt_handler.plan.network import GuestFamily, Wiring

TABLE = "nat"
INBOUND = "KUBEVIRT_PREINBOUND"
POSTBOUND = "KUBEVIRT_POSTINBOUND"
ENVOY_PORTS = (15000, 15001, 15004, 15006, 15008, 15009, 15020, 15021, 15053, 15090)
"""Ports of an istio sidecar that must not be taken for the guest's."""
MESH_SSH_PORT = 22
_HOOKS = (("prerouting", -100), ("input", 100), ("output", -100), ("postrouting", 100))
_LOOPBACK = {4: "127.0.0.1", 6: "::1"}
_MESH_SOURCE = {4: "127.0.0.6", 6: "::6"}
_NFT_FAMILY = {4: "ip", 6: "ip6"}

Json = dict[str, Any]


def transaction(wiring: Wiring, mesh: bool = False) -> Json:
    """The document to apply once. It first empties our own table, so that a second application changes nothing."""
    commands: list[Json] = []
    for family in wiring.families:
        commands += _family_commands(wiring, family, mesh)
    return {"nftables": commands}


def _family_commands(wiring: Wiring, family: GuestFamily, mesh: bool) -> list[Json]:
    nft = _NFT_FAMILY[family.version]
    table = {"table": {"family": nft, "name": TABLE}}
    commands: list[Json] = [{"add": table}, {"flush": table}]
    for hook, priority in _HOOKS:
        chain = {"family": nft, "table": TABLE, "name": hook, "type": "nat", "hook": hook, "prio": priority}
        commands.append({"add": {"chain": {**chain, "policy": "accept"}}})
    for chain_name in (INBOUND, POSTBOUND):
        commands.append({"add": {"chain": {"family": nft, "table": TABLE, "name": chain_name}}})
    for chain_name, expressions in _rules(wiring, family, mesh):
        rule = {"family": nft, "table": TABLE, "chain": chain_name, "expr": expressions}
        commands.append({"add": {"rule": rule}})
    return commands


def _rules(wiring: Wiring, family: GuestFamily, mesh: bool) -> list[tuple[str, list[Json]]]:
    nft = _NFT_FAMILY[family.version]
    guest_source = _is(_field(nft, "saddr"), family.guest)
    rules = [
        ("postrouting", [guest_source, _COUNTER, {"masquerade": None}]),
        ("prerouting", [_is(_meta("iifname"), wiring.link.name), _COUNTER, {"jump": {"target": INBOUND}}]),
        ("postrouting", [_is(_meta("oifname"), wiring.names.bridge), _COUNTER, {"jump": {"target": POSTBOUND}}]),
    ]
    if mesh:
        envoy = [_dport("tcp", {"set": list(ENVOY_PORTS)}), _is(_field(nft, "saddr"), _LOOPBACK[family.version])]
        rules += [(chain, [*envoy, _COUNTER, _RETURN]) for chain in ("output", POSTBOUND)]
    inbound_ports = (("tcp", MESH_SSH_PORT),) if mesh else wiring.ports
    for match in _port_matches(inbound_ports):
        rules.append((INBOUND, [*match, _COUNTER, {"dnat": {"addr": family.guest}}]))
    sources, targets = _local_addresses(wiring, family, mesh)
    for match in _port_matches(wiring.ports):
        local = _is(_field(nft, "saddr"), sources)
        rules.append((POSTBOUND, [*match, local, _COUNTER, {"snat": {"addr": family.gateway}}]))
        to_pod = _is(_field(nft, "daddr"), targets)
        rules.append(("output", [to_pod, *match, _COUNTER, {"dnat": {"addr": family.guest}}]))
    return rules


def _local_addresses(wiring: Wiring, family: GuestFamily, mesh: bool) -> tuple[Json, Json]:
    """Addresses that a process in the pod reaches the guest from, and by."""
    sources, targets = [_LOOPBACK[family.version]], [_LOOPBACK[family.version]]
    pod = wiring.link.address(family.version)
    if mesh:
        sources.append(_MESH_SOURCE[family.version])
        targets += [str(pod.ip)] if pod else []
    return {"set": sources}, {"set": targets}


def _port_matches(ports: tuple[tuple[str, int], ...]) -> list[list[Json]]:
    return [[_dport(protocol, port)] for protocol, port in ports] if ports else [[]]


_COUNTER: Json = {"counter": None}
_RETURN: Json = {"return": None}


def _is(left: Json, right: Any) -> Json:
    return {"match": {"op": "==", "left": left, "right": right}}


def _field(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


def _meta(key: str) -> Json:
    return {"meta": {"key": key}}


def _dport(protocol: str, port: Any) -> Json:
    return _is(_field(protocol, "dport"), port)
