"""Packets that do not arrive: rules in a node's own network, gone again afterwards whatever happens."""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from localcluster.cluster import store

from .cluster import Cluster

TABLE = "podvirt_e2e_cut"
API, KUBELET, WEBHOOKS = 6443, 10250, 8443
"""Ports over which the control plane and the other node speak with each other; pods serve the API at the last one."""


@contextmanager
def nodes_apart(cluster: Cluster, node: str, other: str) -> Iterator[None]:
    """Nothing passes between the two nodes and their pods, but what the control plane itself says and is told."""
    with _filtered(cluster, node, _from_there(cluster, other)), _filtered(cluster, other, _from_there(cluster, node)):
        yield


def _from_there(cluster: Cluster, node: str) -> str:
    there = store.of(cluster.name).load().node(node)
    ports = f"{{ {API}, {KUBELET}, {WEBHOOKS} }}"
    return f"""
  chain in {{
    type filter hook prerouting priority raw; policy accept;
    iifname != "eth0" accept
    tcp dport {ports} accept
    tcp sport {ports} accept
    ip saddr {{ {there.address}, {there.pods} }} drop
  }}
"""


@contextmanager
def api_out_of_reach(cluster: Cluster, node: str) -> Iterator[None]:
    """The node's pods do not reach the API, and where the API is another node's, neither does its kubelet."""
    spec = store.of(cluster.name).load()
    rules = f"""
  chain pods {{
    type filter hook prerouting priority raw; policy accept;
    iifname != "eth0" ip daddr {spec.network.api_service} drop
  }}
"""
    if not spec.node(node).controls:
        rules += f"""
  chain own {{
    type filter hook output priority raw; policy accept;
    tcp dport {API} drop
  }}
"""
    with _filtered(cluster, node, rules):
        yield


@contextmanager
def no_way_in(cluster: Cluster, node: str) -> Iterator[None]:
    """No connection from another node to a pod of this one opens at a port that nobody knew before."""
    spec = store.of(cluster.name).load()
    rules = f"""
  chain pods {{
    type filter hook prerouting priority raw; policy accept;
    iifname "eth0" ip daddr {spec.node(node).pods} tcp dport 32768-65535 tcp flags & (syn | ack) == syn drop
  }}
"""
    with _filtered(cluster, node, rules):
        yield


@contextmanager
def _filtered(cluster: Cluster, node: str, chains: str) -> Iterator[None]:
    table = f"{TABLE}_{uuid.uuid4().hex[:6]}"  # a node may be cut off in several ways at once
    _nft(cluster, node, f"table inet {table} {{{chains}}}\n")
    try:
        yield
    finally:
        _nft(cluster, node, f"delete table inet {table}\n")


def _nft(cluster: Cluster, node: str, script: str) -> None:
    init = store.of(cluster.name).init_of(node)
    assert init is not None, f"{node} does not run"
    command = ["nsenter", "--target", str(init.pid), "--net", "nft", "-f", "-"]
    subprocess.run(command, input=script, text=True, check=True, capture_output=True, timeout=30)
