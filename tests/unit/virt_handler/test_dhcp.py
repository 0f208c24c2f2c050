"""DHCP as bytes in, bytes out: what is offered, what is ignored, and that no guest can break it."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from virt_handler.plan import dhcp4, dhcp6
from virt_handler.plan.dhcp_options import Lease, Resolver, lease_of, parse_resolv_conf, search_list
from virt_handler.plan.network import PodLink, wire

MAC = "0a:58:0a:f4:01:07"
LEASE = Lease(
    mac="", address="10.0.2.2", prefix=24, server="10.0.2.1", router="10.0.2.1", mtu=1450, hostname="a",
    nameservers=("10.96.0.10",), search=("ns.svc.cluster.local", "svc.cluster.local"), address6="fd10:0:2::2",
    server_mac="02:00:00:00:00:00", nameservers6=("fd00::a",),
)  # fmt: skip
BRIDGED = msgspec.structs.replace(
    LEASE, mac=MAC, address="10.244.1.7", server="169.254.75.10", router="10.244.1.1",
    routes=(("10.244.0.0/16", "10.244.1.1"), ("0.0.0.0/0", "10.244.1.1")),
)  # fmt: skip


def question(kind: int, mac: str = MAC, options: bytes = b"") -> bytes:
    hardware = bytes.fromhex(mac.replace(":", ""))
    header = struct.pack("!BBBBIHH16x16s64x128x", 1, 1, 6, 0, 0xABCD, 0, 0x8000, hardware.ljust(16, b"\0"))
    return header + b"\x63\x82\x53\x63" + bytes([53, 1, kind]) + options + b"\xff"


def options_of(reply: bytes) -> dict[int, bytes]:
    return dhcp4._options(reply[240:])


def test_offer_and_acknowledgement_carry_everything() -> None:
    for kind, expected in ((dhcp4.DISCOVER, dhcp4.OFFER), (dhcp4.REQUEST, dhcp4.ACK)):
        reply = dhcp4.answer(question(kind), LEASE)
        assert reply is not None
        assert reply[16:20] == ipaddress.IPv4Address("10.0.2.2").packed
        assert struct.unpack_from("!I", reply, 4) == (0xABCD,)
        options = options_of(reply)
        assert options[53] == bytes([expected])
        assert options[1] == bytes([255, 255, 255, 0]) and options[3] == options[54] == bytes([10, 0, 2, 1])
        assert options[51] == struct.pack("!I", 999 * 86400)
        assert options[6] == bytes([10, 96, 0, 10]) and options[12] == b"a" and options[15] == b"ns.svc.cluster.local"
        assert options[26] == struct.pack("!H", 1450)
        assert options[119] == b"\x02ns\x03svc\x07cluster\x05local\0\x03svc\x07cluster\x05local\0"
        assert 121 not in options and 42 not in options


def test_bridged_guest_gets_classless_routes_and_strangers_get_nothing() -> None:
    reply = dhcp4.answer(question(dhcp4.DISCOVER), BRIDGED)
    assert reply is not None
    gateway = bytes([10, 244, 1, 1])
    assert options_of(reply)[121] == bytes([16, 10, 244]) + gateway + bytes([0]) + gateway
    assert dhcp4.answer(question(dhcp4.DISCOVER, "02:00:00:00:00:99"), BRIDGED) is None


def test_other_messages_and_other_servers_requests_are_ignored() -> None:
    for kind in set(range(256)) - {dhcp4.DISCOVER, dhcp4.REQUEST}:
        assert dhcp4.answer(question(kind), LEASE) is None
    elsewhere = bytes([54, 4, 192, 168, 0, 1])
    assert dhcp4.answer(question(dhcp4.REQUEST, options=elsewhere), LEASE) is None


def test_long_options_are_split_and_user_options_are_sent() -> None:
    names = tuple(f"{'x' * 50}{index}.example" for index in range(6))
    rich = msgspec.structs.replace(
        LEASE, search=names, boot_server="tftp.example", boot_file="pxe.0", ntp_servers=("192.0.2.7",),
        private=((240, "private"),),
    )  # fmt: skip
    reply = dhcp4.answer(question(dhcp4.DISCOVER), rich)
    assert reply is not None
    options = options_of(reply)
    assert len(options[119]) > 255
    assert (options[66], options[67], options[240]) == (b"tftp.example", b"pxe.0", b"private")
    assert options[42] == bytes([192, 0, 2, 7])


def solicit(kind: int = dhcp6.SOLICIT, rapid: bool = False) -> bytes:
    client = dhcp6._option(1, dhcp6.server_duid(MAC))
    association = dhcp6._option(3, b"\0\0\0\x07" + bytes(8))
    return bytes([kind, 1, 2, 3]) + client + association + (dhcp6._option(14, b"") if rapid else b"")


def test_v6_advertises_then_replies_with_the_guests_address() -> None:
    for question6, expected in ((solicit(), 2), (solicit(rapid=True), 7), (solicit(dhcp6.REQUEST), 7)):
        reply = dhcp6.answer(question6, LEASE)
        assert reply is not None and reply[0] == expected and reply[1:4] == b"\1\2\3"
        options = dhcp6._options(reply[4:])
        address = dhcp6._options(options[3][12:])[5]
        assert ipaddress.IPv6Address(address[:16]) == ipaddress.IPv6Address("fd10:0:2::2")
        assert options[2] == dhcp6.server_duid("02:00:00:00:00:00")
        assert options[23] == ipaddress.IPv6Address("fd00::a").packed


@given(st.binary(max_size=2000))
def test_no_packet_breaks_either_server(packet: bytes) -> None:
    assert dhcp4.answer(packet, LEASE) is None or len(packet) >= 240
    dhcp6.answer(packet, LEASE)


@given(st.binary(max_size=1000))
def test_no_options_break_an_answer(options: bytes) -> None:
    reply = dhcp4.answer(question(dhcp4.DISCOVER, options=options), LEASE)
    assert reply is None or len(reply) < dhcp4.MAX_PACKET
    reply = dhcp6.answer(solicit() + options, LEASE)
    assert reply is None or len(reply) < dhcp4.MAX_PACKET


def machine(binding: str, **spec: Any) -> dict[str, Any]:
    interface = {"name": "default", binding: {}}
    return {
        "spec": {
            "networks": [{"name": "default", "pod": {}}],
            "domain": {"devices": {"interfaces": [interface]}},
            **spec,
        }
    }


def pod_link(**fields: Any) -> dict[str, PodLink]:
    link = {"name": "eth0", "mac": MAC, "mtu": 1450, "addresses": ("10.244.1.7/24",), **fields}
    return {"eth0": PodLink(**link)}


def test_a_pod_without_address_serves_no_dhcp_on_a_bridge() -> None:
    (wiring,) = wire(machine("bridge"), pod_link(addresses=()))
    assert lease_of(wiring, machine("bridge"), Resolver(), "a") is None


def test_the_subdomain_comes_first_in_the_search_list() -> None:
    resolver = parse_resolv_conf("search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n")
    assert resolver.nameservers == ("10.96.0.10",)
    assert search_list(machine("masquerade", subdomain="sub"), resolver)[0] == "sub.ns.svc.cluster.local"
    assert search_list(machine("masquerade"), Resolver()) == ("cluster.local",)


def test_no_nameserver_means_a_public_one() -> None:
    (wiring,) = wire(machine("masquerade"), pod_link())
    lease = lease_of(wiring, machine("masquerade"), parse_resolv_conf(""), "a")
    assert lease is not None and lease.nameservers == ("8.8.8.8",)
