"""The network of a pod, made for real in namespaces of the test's own; skipped without root or /dev/net/tun."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from virt_handler.adapters import nft, pod_network
from virt_handler.adapters.dhcp_server import DhcpServer, open_sockets
from virt_handler.adapters.netlink import Netlink
from virt_handler.plan.dhcp_options import Resolver, lease_of
from virt_handler.plan.network import PodLink, Wiring

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists("/dev/net/tun") or not shutil.which("nsenter"),
    reason="needs root, /dev/net/tun and nsenter",
)

if os.geteuid() == 0:
    from tests.unit.virt_handler.wire_world import POD_MAC, Guest, connect_pod, inside, new_namespace

RESOLVER = Resolver(nameservers=("10.96.0.10",), search=("default.svc.cluster.local", "svc.cluster.local"))
SCRIPT = """#!/bin/sh
env > "$OUT.$1"
if [ "$1" = bound ]; then
  busybox ip addr add "$ip/$mask" dev "$interface"
  [ -z "$router" ] || busybox ip route add default via "$router" dev "$interface"
fi
"""


def vmi(binding: str, **interface: Any) -> dict[str, Any]:
    return {
        "spec": {
            "networks": [{"name": "default", "pod": {}}],
            "domain": {"devices": {"interfaces": [{"name": "default", binding: {}, **interface}]}},
        }
    }


@pytest.fixture
def world() -> Iterator[tuple[int, int]]:
    outside, pod = new_namespace(), new_namespace()
    yield outside, pod
    os.close(outside)
    os.close(pod)


def made(machine: dict[str, Any]) -> tuple[Wiring, ...]:
    wirings = pod_network.plan(machine)
    pod_network.setup(wirings, False)
    return wirings


needs_busybox = pytest.mark.skipif(not shutil.which("busybox"), reason="needs busybox as the DHCP client")


def busybox_dhcp(guest: Guest, directory: Path) -> dict[str, str]:
    script = directory / "script"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    done = guest.run(
        "env", f"OUT={directory}/lease", "busybox", "udhcpc", "-i", "g0", "-f", "-q", "-n", "-t", "5", "-T", "1",
        "-O", "search", "-O", "mtu", "-O", "hostname", "-O", "domain", "-O", "staticroutes", "-s", str(script),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = (directory / "lease.bound").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


async def serve(pod: int, wiring: Wiring, machine: dict[str, Any]) -> DhcpServer:
    lease = lease_of(wiring, machine, RESOLVER, "guest-a")
    assert lease is not None
    return DhcpServer(inside(pod, lambda: open_sockets(wiring.names.bridge, lease)), lease)


def server_in(namespace: int, port: int, family: int = socket.AF_INET) -> socket.socket:
    def listen() -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("", port))
        listener.listen(4)
        listener.settimeout(5)
        return listener

    return inside(namespace, listen)


def can_connect(namespace: int, address: str, port: int, timeout: float = 3.0) -> bool:
    def connect() -> bool:
        try:
            socket.create_connection((address, port), timeout).close()
        except OSError:
            return False
        return True

    return inside(namespace, connect)


@needs_busybox
async def test_masqueraded_guest_gets_an_address_and_talks_both_ways(world: tuple[int, int], tmp_path: Path) -> None:
    outside, pod = world
    connect_pod(outside, pod)
    machine = vmi("masquerade")
    (wiring,) = inside(pod, lambda: made(machine))
    guest = Guest(pod, "tap0", wiring.guest_mac)
    server = await serve(pod, wiring, machine)
    try:
        lease = await asyncio.to_thread(busybox_dhcp, guest, tmp_path)
        assert lease["ip"] == "10.0.2.2"
        assert lease["router"] == lease["serverid"] == "10.0.2.1"
        assert lease["dns"] == "10.96.0.10"
        assert lease["search"] == "default.svc.cluster.local svc.cluster.local"
        assert (lease["domain"], lease["hostname"], lease["mtu"]) == ("default.svc.cluster.local", "guest-a", "1450")
        assert wiring.guest_mac == POD_MAC
        ping = await asyncio.to_thread(guest.run, "busybox", "ping", "-c", "1", "-W", "3", "10.244.1.1")
        assert ping.returncode == 0, ping.stdout
        with server_in(guest.namespace, 8080):
            assert await asyncio.to_thread(can_connect, outside, "10.244.1.7", 8080)
            assert await asyncio.to_thread(can_connect, pod, "127.0.0.1", 8080)
    finally:
        server.close()
        guest.close()


@needs_busybox
async def test_declared_ports_are_forwarded_and_no_other(world: tuple[int, int], tmp_path: Path) -> None:
    outside, pod = world
    connect_pod(outside, pod)
    machine = vmi("masquerade", ports=[{"port": 80}])
    (wiring,) = inside(pod, lambda: made(machine))
    guest = Guest(pod, "tap0", wiring.guest_mac)
    server = await serve(pod, wiring, machine)
    try:
        await asyncio.to_thread(busybox_dhcp, guest, tmp_path)
        with server_in(guest.namespace, 80), server_in(guest.namespace, 81):
            assert await asyncio.to_thread(can_connect, outside, "10.244.1.7", 80)
            assert not await asyncio.to_thread(can_connect, outside, "10.244.1.7", 81)
    finally:
        server.close()
        guest.close()


@needs_busybox
async def test_bridged_guest_takes_over_the_address_of_the_pod(world: tuple[int, int], tmp_path: Path) -> None:
    outside, pod = world
    connect_pod(outside, pod)
    machine = vmi("bridge")
    (wiring,) = inside(pod, lambda: made(machine))
    links = inside(pod, pod_network.observe)
    assert links["eth0"].mac == POD_MAC and "10.244.1.7/24" in links["eth0"].addresses
    assert links["eth0-nic"].addresses == () or all(each.startswith("fe80") for each in links["eth0-nic"].addresses)
    assert "169.254.75.10/32" in links["k6t-eth0"].addresses
    guest = Guest(pod, "tap0", wiring.guest_mac)
    server = await serve(pod, wiring, machine)
    try:
        lease = await asyncio.to_thread(busybox_dhcp, guest, tmp_path)
        assert lease["ip"] == "10.244.1.7" and lease["serverid"] == "169.254.75.10"
        assert lease["staticroutes"].split()[-2:] == ["0.0.0.0/0", "10.244.1.1"]
        ping = await asyncio.to_thread(guest.run, "busybox", "ping", "-c", "1", "-W", "3", "10.244.1.1")
        assert ping.returncode == 0, ping.stdout
        with server_in(guest.namespace, 8080):
            assert await asyncio.to_thread(can_connect, outside, "10.244.1.7", 8080)
    finally:
        server.close()
        guest.close()


def test_a_second_set_up_changes_nothing(world: tuple[int, int]) -> None:
    outside, pod = world
    connect_pod(outside, pod, ipv6=True)
    wirings = inside(pod, lambda: made(vmi("masquerade")))
    before = inside(pod, lambda: (pod_network.observe(), _rules(nft.ruleset())))
    inside(pod, lambda: pod_network.setup(wirings, False))
    assert inside(pod, lambda: (pod_network.observe(), _rules(nft.ruleset()))) == before
    assert {family.guest for family in wirings[0].families} == {"10.0.2.2", "fd10:0:2::2"}


class Crash(Exception):
    """The agent dies here."""


@pytest.mark.parametrize("binding", ["masquerade", "bridge"])
def test_a_crash_at_any_step_is_made_good_by_the_next_agent(binding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = Netlink.do

    def dies_after(steps: int) -> tuple[bool, Any]:
        """(whether it died, what the network is after another agent has followed) for a death after so many steps."""
        outside, pod = new_namespace(), new_namespace()
        connect_pod(outside, pod)
        wirings = inside(pod, lambda: pod_network.plan(vmi(binding)))
        left = [steps]

        def do(self: Netlink, kind: int, body: bytes, flags: int = 0) -> None:
            if left[0] == 0:
                raise Crash
            left[0] -= 1
            done(self, kind, body, flags)

        monkeypatch.setattr(Netlink, "do", do)
        try:
            inside(pod, lambda: pod_network.setup(wirings, False))
            died = False
        except Crash:
            died = True
        monkeypatch.setattr(Netlink, "do", done)
        inside(pod, lambda: pod_network.setup(wirings, False))
        seen = inside(pod, lambda: (_shape(pod_network.observe()), _rules(nft.ruleset())))
        os.close(outside)
        os.close(pod)
        return died, seen

    _, whole = dies_after(1000)
    deaths = 0
    for steps in range(1000):
        died, seen = dies_after(steps)
        assert seen == whole, f"after {steps} steps"
        deaths += died
        if not died:
            break
    assert deaths > 5


def _shape(links: dict[str, PodLink]) -> list[tuple[str, int, tuple[str, ...]]]:
    """Links without the MAC of the tap, which is random, and without routes, which come and go with carriers."""
    return sorted((link.name, link.mtu, link.addresses) for link in links.values())


def _rules(ruleset: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (rule["family"], rule["chain"], repr([each for each in rule["expr"] if "counter" not in each]))
        for item in ruleset["nftables"]
        if (rule := item.get("rule"))
    ]


def test_ipv6_reaches_the_guest_and_leaves_it(world: tuple[int, int]) -> None:
    outside, pod = world
    connect_pod(outside, pod, ipv6=True)
    (wiring,) = inside(pod, lambda: made(vmi("masquerade")))
    guest = Guest(pod, "tap0", wiring.guest_mac)
    try:
        for command in ("addr add fd10:0:2::2/120 dev g0 nodad", "-6 route add default via fd10:0:2::1 dev g0"):
            done = guest.run("ip", *command.split())
            assert done.returncode == 0, done.stderr
        with server_in(guest.namespace, 8080, socket.AF_INET6):
            assert can_connect(outside, "fd00:244::7", 8080)
        with server_in(outside, 9090, socket.AF_INET6):
            assert can_connect(guest.namespace, "fd00:244::1", 9090)
    finally:
        guest.close()
