"""The address block of a cluster touches nothing that the host uses."""

import json
from ipaddress import IPv4Address, IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcluster.host.addresses import MAX_NODES, Network, beside, candidates, choose, in_use, resolvers
from localcluster.trouble import Trouble


def test_a_free_machine_gets_the_first_block() -> None:
    assert choose([]).block == next(candidates())


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(6, 32)), max_size=40))
def test_a_chosen_block_never_overlaps_what_is_in_use(places: list[tuple[int, int]]) -> None:
    used = [IPv4Network((address, prefix), strict=False) for address, prefix in places]
    try:
        network = choose(used)
    except Trouble:
        assert all(any(block.overlaps(taken) for taken in used) for block in candidates())
    else:
        assert not any(network.block.overlaps(taken) for taken in used)


def test_a_default_route_is_not_a_place_in_use() -> None:
    assert choose([IPv4Network("0.0.0.0/0")]).block == next(candidates())


def test_a_machine_whose_private_addresses_are_all_routed_is_told_so() -> None:
    with pytest.raises(Trouble, match="free one /16"):
        choose([IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12")])


def test_routes_and_resolvers_count_as_in_use() -> None:
    routes = json.dumps([{"dst": "default"}, {"dst": "10.85.3.0/24"}, {"dst": "10.86.0.9"}, {"dst": "fd00::/64"}])
    found = in_use(routes, "nameserver 10.87.1.1\n")
    assert {str(network) for network in found} == {"10.85.3.0/24", "10.86.0.9/32", "10.87.1.1/32"}
    assert str(choose(found).block) == "10.88.0.0/16"


def test_resolvers_on_the_host_itself_are_out_of_a_nodes_reach() -> None:
    text = "# comment\nnameserver 127.0.0.53\nnameserver fe80::1\nsearch x\nnameserver 192.0.2.7\n"
    assert resolvers(text) == ["192.0.2.7"]


def test_the_ipv6_ranges_follow_the_ipv4_block_and_do_not_touch() -> None:
    six = beside(Network(block=IPv4Network("10.85.0.0/16")))
    assert str(six.block) == "fd70:6f64:a55::/48"
    nodes = IPv6Network("fd70:6f64:a55::/64")
    assert six.gateway in nodes and six.node(MAX_NODES) in nodes
    ranges = [nodes, six.services, six.pods]
    assert all(each.subnet_of(six.block) for each in ranges)
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    pods = [six.node_pods(index) for index in range(1, MAX_NODES + 1)]
    assert all(each.subnet_of(six.pods) for each in pods) and len(set(pods)) == MAX_NODES
    assert len({beside(Network(block=block)).block for block in candidates()}) == len(list(candidates()))


def test_the_ranges_of_a_block_do_not_touch() -> None:
    network = Network(block=IPv4Network("10.85.0.0/16"))
    nodes = IPv4Network("10.85.0.0/24")
    assert network.gateway in nodes and network.node(1) == IPv4Address("10.85.0.11")
    assert network.node(MAX_NODES) in nodes
    assert network.api_service in network.services and network.dns_service in network.services
    ranges = [nodes, network.services, network.pods]
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    pods = [network.node_pods(index) for index in range(1, MAX_NODES + 1)]
    assert all(each.subnet_of(network.pods) for each in pods) and len(set(pods)) == MAX_NODES
