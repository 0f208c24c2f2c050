"""Names of links fit the kernel's limit and tell clusters apart."""

from ipaddress import IPv4Address, IPv4Network, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from localcluster.host import links
from localcluster.host.addresses import MAX_NODES
from localcluster.render.spec import NAME

names = st.from_regex(NAME, fullmatch=True)


@given(names, st.integers(1, MAX_NODES))
def test_names_of_links_fit(name: str, node: int) -> None:
    assert len(links.bridge_name(name)) <= links.LONGEST
    assert len(links.cable_name(name, node)) <= links.LONGEST


@given(names, names)
def test_two_clusters_share_no_link_and_no_table(one: str, other: str) -> None:
    if one != other:
        assert links.bridge_name(one) != links.bridge_name(other)
        assert links.table_name(one) != links.table_name(other)
        assert links.cable_name(one, 1) != links.cable_name(other, 1)


def test_a_hardware_address_is_the_nodes_for_ever() -> None:
    assert links.hardware_address(IPv4Address("10.85.0.11")) == "0a:58:0a:55:00:0b"
    first_byte = int(links.hardware_address(IPv4Address("10.85.0.11"))[:2], 16)
    assert first_byte & 0b11 == 0b10, "locally administered, not a group"


def test_the_way_out_replaces_its_own_table_only() -> None:
    script = links.way_out("podvirt_x", IPv4Network("10.85.0.0/16"), "pv-x")
    assert script.index("table ip podvirt_x {}") < script.index("delete table ip podvirt_x")
    assert 'ip saddr 10.85.0.0/16 ip daddr != 10.85.0.0/16 oifname != "pv-x" masquerade' in script
    assert "flush" not in script


def test_the_way_out_exists_for_ipv6_too() -> None:
    script = links.way_out("podvirt_x", IPv6Network("fd70:6f64:a55::/48"), "pv-x")
    assert script.count("table ip6 podvirt_x") == 3 and "ip6 saddr fd70:6f64:a55::/48" in script
