"""Names, addresses and rules of a guest's network."""

from __future__ import annotations

from typing import Any

import pytest

from virt_handler.plan import nft_rules
from virt_handler.plan.network import NetworkError, PodLink, Wiring, names_of, pod_addresses, wire

DUAL = PodLink(
    name="eth0", mac="0a:58:0a:f4:01:07", mtu=1450, addresses=("10.244.1.7/24", "fd00:244::7/64"),
    routes=(("0.0.0.0/0", "10.244.1.1"), ("10.244.1.0/24", "")),
)  # fmt: skip


def vmi(*interfaces: dict[str, Any], networks: list[dict[str, Any]] | None = None, **domain: Any) -> dict[str, Any]:
    pod = [{"name": "default", "pod": {}}]
    return {"spec": {"networks": networks or pod, "domain": {"devices": {"interfaces": [*interfaces]}, **domain}}}


def masquerade(**fields: Any) -> dict[str, Any]:
    return {"name": "default", "masquerade": {}, **fields}


def one(machine: dict[str, Any], link: PodLink = DUAL) -> Wiring:
    (wiring,) = wire(machine, {link.name: link})
    return wiring


def test_masquerade_serves_the_families_that_the_pod_has() -> None:
    wiring = one(vmi(masquerade()))
    assert [(each.gateway, each.guest, each.prefix) for each in wiring.families] == [
        ("10.0.2.1", "10.0.2.2", 24), ("fd10:0:2::1", "fd10:0:2::2", 120),
    ]  # fmt: skip
    only4 = PodLink(name="eth0", mac=DUAL.mac, mtu=1450, addresses=("10.244.1.7/24",))
    assert [each.version for each in one(vmi(masquerade()), only4).families] == [4]
    assert pod_addresses(wiring, 6) == ("fd00:244::7", "10.244.1.7")


def test_own_guest_network_and_mac() -> None:
    networks = [{"name": "default", "pod": {"vmNetworkCIDR": "192.168.9.0/28"}}]
    wiring = one(vmi(masquerade(macAddress="02:00:00:00:00:aa"), networks=networks))
    assert wiring.server == "192.168.9.1" and wiring.families[0].guest == "192.168.9.2"
    assert wiring.guest_mac == "02:00:00:00:00:aa"


@pytest.mark.parametrize("cidr", ["nonsense", "10.0.2.0/31", "fd00::/64"])
def test_a_network_without_room_is_refused_with_its_name(cidr: str) -> None:
    with pytest.raises(NetworkError, match='network "default"'):
        one(vmi(masquerade(), networks=[{"name": "default", "pod": {"vmNetworkCIDR": cidr}}]))


def test_bridge_gives_the_pods_address_away_and_a_new_mac_to_its_nic() -> None:
    wiring = one(vmi({"name": "default", "bridge": {}}))
    assert wiring.lease == "10.244.1.7/24" and wiring.server == "169.254.75.10"
    assert wiring.guest_mac == DUAL.mac and wiring.bridge_mac not in ("", DUAL.mac)
    assert pod_addresses(wiring, 6) == ("10.244.1.7",)


def test_secondary_names_are_hashed_and_fit_the_kernel() -> None:
    names = names_of("blue", primary=False)
    assert names.pod.startswith("pod") and names.bridge == f"k6t-{names.pod[3:]}"
    assert all(len(each) <= 15 for each in (names.pod, names.bridge, names.tap, names.nic))


def test_queues_follow_the_vcpus() -> None:
    machine = vmi(masquerade(), cpu={"sockets": 2, "cores": 3})
    assert one(machine).queues == 1
    machine["spec"]["domain"]["devices"]["networkInterfaceMultiqueue"] = True
    assert one(machine).queues == 6


def rules(wiring: Wiring, mesh: bool = False) -> list[tuple[str, str, str]]:
    return [
        (rule["family"], rule["chain"], words(rule["expr"]))
        for command in nft_rules.transaction(wiring, mesh)["nftables"]
        if (rule := command.get("add", {}).get("rule"))
    ]


def words(expressions: list[dict[str, Any]]) -> str:
    said = []
    for each in expressions:
        ((kind, body),) = each.items()
        if kind == "match":
            ((_, left),) = body["left"].items()
            right = body["right"]
            said.append(f"{left.get('field') or left.get('key')}={right['set'] if isinstance(right, dict) else right}")
        elif kind == "jump":
            said.append(f"jump {body['target']}")
        elif kind != "counter":
            said.append(f"{kind} {body['addr']}" if body else kind)
    return " ".join(said)


def test_all_ports_are_forwarded_when_none_is_declared() -> None:
    assert [rule[1:] for rule in rules(one(vmi(masquerade()))) if rule[0] == "ip"] == [
        ("postrouting", "saddr=10.0.2.2 masquerade"),
        ("prerouting", "iifname=eth0 jump KUBEVIRT_PREINBOUND"),
        ("postrouting", "oifname=k6t-eth0 jump KUBEVIRT_POSTINBOUND"),
        ("KUBEVIRT_PREINBOUND", "dnat 10.0.2.2"),
        ("KUBEVIRT_POSTINBOUND", "saddr=['127.0.0.1'] snat 10.0.2.1"),
        ("output", "daddr=['127.0.0.1'] dnat 10.0.2.2"),
    ]
    assert ("ip6", "KUBEVIRT_PREINBOUND", "dnat fd10:0:2::2") in rules(one(vmi(masquerade())))


def test_declared_ports_close_the_others() -> None:
    found = rules(one(vmi(masquerade(ports=[{"port": 80}, {"port": 53, "protocol": "UDP"}]))))
    inbound = [rule[2] for rule in found if rule[:2] == ("ip", "KUBEVIRT_PREINBOUND")]
    assert inbound == ["dport=80 dnat 10.0.2.2", "dport=53 dnat 10.0.2.2"]


def test_a_mesh_takes_the_traffic_and_leaves_ssh() -> None:
    found = rules(one(vmi(masquerade())), mesh=True)
    assert [rule[2] for rule in found if rule[:2] == ("ip", "KUBEVIRT_PREINBOUND")] == ["dport=22 dnat 10.0.2.2"]
    assert ("ip", "output", "daddr=['127.0.0.1', '10.244.1.7'] dnat 10.0.2.2") in found
    assert any(chain == "output" and "15001" in text and "return" in text for _, chain, text in found)
