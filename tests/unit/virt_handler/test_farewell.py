"""Connections of a guest that has left, through real namespaces with a Service's address translation on the way."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from virt_handler.adapters import farewell, nft, pod_network
from virt_handler.adapters.conntrack import open_flows
from virt_handler.plan.farewell import Flow, Way, segments

if os.geteuid() == 0:
    from tests.unit.virt_handler.wire_world import Guest, connect_pod, inside, new_namespace

real = pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/net/tun"), reason="needs root and /dev/net/tun")
VMI = {
    "spec": {
        "networks": [{"name": "default", "pod": {}}],
        "domain": {"devices": {"interfaces": [{"name": "default", "masquerade": {}}]}},
    }
}
SERVICE = "10.244.1.200"
"""Of the network outside: leads to the guest's port 7 behind the pod's address, as kube-proxy leads there."""
FAMILIES = {
    4: ("10.244.1.1", "10.244.1.7", SERVICE, "addr add 10.0.2.2/24 dev g0", "route add default via 10.0.2.1 dev g0"),
    6: (
        "fd00:244::1", "fd00:244::7", "", "addr add fd10:0:2::2/120 dev g0 nodad",
        "-6 route add default via fd10:0:2::1 dev g0",
    ),
}  # fmt: skip


@pytest.fixture
def world() -> Iterator[tuple[int, int, Guest]]:
    """Outside, pod, guest."""
    outside, pod = new_namespace(), new_namespace()
    connect_pod(outside, pod, ipv6=True)
    wirings = inside(pod, lambda: pod_network.plan(VMI))
    inside(pod, lambda: pod_network.setup(wirings, False))
    inside(outside, lambda: nft.apply(_service()))
    guest = Guest(pod, "tap0", wirings[0].guest_mac)
    yield outside, pod, guest
    guest.close()
    os.close(outside)
    os.close(pod)


def _service() -> dict[str, Any]:
    """kube-proxy's part; and like it, packets that fit no connection are dropped."""
    table = {"family": "ip", "table": "service"}
    hook = {**table, "policy": "accept"}
    to_service = _is({"payload": {"protocol": "ip", "field": "daddr"}}, SERVICE)
    expressions = [to_service, {"dnat": {"addr": "10.244.1.7", "port": 7}}]
    strict = [_is({"ct": {"key": "state"}}, "invalid"), {"drop": None}]
    chains = (
        ("out", {"type": "nat", "hook": "output", "prio": -100}, [_tcp(), *expressions]),
        ("strict", {"type": "filter", "hook": "input", "prio": 0}, strict),
    )
    commands: list[dict[str, Any]] = [{"add": {"table": {"family": "ip", "name": "service"}}}]
    for name, base, rule in chains:
        commands.append({"add": {"chain": {**hook, "name": name, **base}}})
        commands.append({"add": {"rule": {**table, "chain": name, "expr": rule}}})
    return {"nftables": commands}


def _is(left: dict[str, Any], right: str) -> dict[str, Any]:
    return {"match": {"op": "in" if "ct" in left else "==", "left": left, "right": right}}


def _tcp() -> dict[str, Any]:
    return _is({"meta": {"key": "l4proto"}}, "tcp")


def listen(namespace: int, port: int, version: int) -> socket.socket:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return inside(namespace, lambda: socket.create_server(("", port), family=family))


def joined(namespace: int, address: str, port: int, server: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection that has carried something."""
    client = inside(namespace, lambda: socket.create_connection((address, port), 5))
    server.settimeout(5)
    there, _ = server.accept()
    for end, other in ((client, there), (there, client)):
        end.settimeout(5)
        end.sendall(b"x")
        assert other.recv(1) == b"x"
    return client, there


@real
@pytest.mark.parametrize("version", [4, 6])
async def test_who_waits_for_a_guest_that_has_left_is_told(world: tuple[int, int, Guest], version: int) -> None:
    outside, pod, guest = world
    here, pod_address, service, *commands = FAMILIES[version]
    for command in commands:
        done = guest.run("ip", *command.split())
        assert done.returncode == 0, done.stderr
    with listen(guest.namespace, 7, version) as inner, listen(outside, 8000, version) as outer:
        direct = joined(outside, pod_address, 7, inner)
        behind = joined(outside, service, 7, inner) if service else direct
        own = joined(guest.namespace, here, 8000, outer)
        left_alone = joined(guest.namespace, "127.0.0.1" if version == 4 else "::1", 7, inner)
        assert guest.run("ip", "addr", "flush", "dev", "g0").returncode == 0, "it has left"
        assert await farewell.say_in(pod) == (3 if service else 2)
        for waiting in {direct[0], behind[0], own[1]}:
            with pytest.raises(ConnectionResetError):
                waiting.recv(1)
                waiting.recv(1)
        with pytest.raises(ConnectionRefusedError):
            joined(outside, pod_address, 7, inner)
        left_alone[0].sendall(b"y")
        assert left_alone[1].recv(1) == b"y"
        for each in {*direct, *behind, *own, *left_alone}:
            each.close()


@real
async def test_a_pod_without_connections_has_nobody_to_tell(world: tuple[int, int, Guest]) -> None:
    _, pod, _ = world
    assert inside(pod, open_flows) == []
    assert await farewell.say_in(pod) == 0
    assert await farewell.say_in(pod) == 0, "it may be repeated"


def test_what_does_not_concern_the_guest_is_left_alone() -> None:
    own = Way("10.244.1.7", 4000, "10.96.0.1", 443)
    assert segments([Flow(own, Way("10.96.0.1", 443, "10.244.1.7", 4000))]) == []
