"""The way of a migration's bytes between two nodes: who can read them, how many connections and which network."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.harness import processes
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import COUNTING, Counting, counting, explained
from tests.e2e.harness.installation import NAMESPACE, edit, put_back, settled
from tests.e2e.harness.nodes import all_is_well, takes_guests
from tests.e2e.harness.overheard import overhearing
from tests.e2e.harness.waiting import until

WORDS = b"what only this guest remembers"
DOMAIN = b"<domain "
"""So begins what libvirt tells the other libvirt about the guest."""
REMEMBERS = COUNTING.replace("#!/bin/sh\n", f"#!/bin/sh\nyes '{WORDS.decode()}' | head -c 16777216 > /tmp/words\n")
SEVERAL = 16 << 20
NETWORK = "default/fast"
ADDRESSES = ("192.168.117.1", "192.168.117.2")


@pytest.fixture(scope="module")
def guest(cluster: Cluster) -> Iterator[Counting]:
    with counting(cluster, "wire", user_data=REMEMBERS) as found:
        yield found


@contextmanager
def configured(cluster: Cluster, **migrations: Any) -> Iterator[None]:
    """With these settings of migrations, in effect on both nodes."""
    with put_back(cluster):
        result = edit(cluster, configuration={"migrations": migrations})
        assert result.code == 0, result.err
        ready(cluster)
        yield
    ready(cluster)


def ready(cluster: Cluster) -> None:
    settled(cluster)
    nodes = [node["metadata"]["name"] for node in cluster.list("nodes")]
    until("both nodes take guests", lambda: all_is_well(cluster) and all(takes_guests(cluster, n) for n in nodes), 120)


def moved(guest: Counting) -> tuple[Object, list[str]]:
    """The migration's state when it has succeeded, and the flags that libvirt was given."""
    uid = guest.counts_on()
    (source,) = [pod for pod in guest.launchers(uid) if pod["status"]["phase"] == "Running"]
    done = guest.over(guest.migrate())["status"]
    assert done["phase"] == "Succeeded", done
    guest.counts_on_alone(uid)
    guest.nothing_left()
    said = guest.cluster.kubectl("-n", guest.namespace, "logs", source["metadata"]["name"], "-c", "compute")
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    (flags,) = [line["flags"] for line in lines if line["msg"] == "the guest begins to leave"]
    state: Object = done["migrationState"]
    return state, str(flags).split()


def test_memory_is_readable_on_the_way_where_tls_is_off_and_nothing_ever_else(
    cluster: Cluster, guest: Counting
) -> None:
    guest.counts_on()
    node = guest.vmi["status"]["nodeName"]
    with explained(guest):
        with overhearing(cluster, node, WORDS, DOMAIN) as heard:
            state, flags = moved(guest)
        assert heard.total > SEVERAL and not heard.found
        assert "PARALLEL" in flags and "UNSAFE" not in flags
        assert "disableTLS" not in state["migrationConfiguration"]

        with configured(cluster, disableTLS=True), overhearing(cluster, node, WORDS, DOMAIN) as heard:
            state, _ = moved(guest)
        assert heard.found == {WORDS}, "memory, and nothing of libvirt's"
        assert state["migrationConfiguration"]["disableTLS"] is True


def agents(cluster: Cluster) -> list[Object]:
    return sorted(cluster.list("pods", NAMESPACE, "kubevirt.io=virt-handler"), key=lambda pod: pod["spec"]["nodeName"])


@contextmanager
def joined(cluster: Cluster) -> Iterator[list[str]]:
    """What Multus would do: both agents have the interface of the migrations' network. Gives a process in each."""
    pids = [str(processes.of_pod(pod["metadata"]["name"])[0]) for pod in agents(cluster)]
    first, second = pids
    ip("link", "add", "migration0", "netns", first, "type", "veth", "peer", "name", "migration0", "netns", second)
    try:
        for pid, address in zip(pids, ADDRESSES, strict=True):
            ip("address", "add", f"{address}/24", "dev", "migration0", inside=pid)
            ip("link", "set", "migration0", "up", inside=pid)
        yield pids
    finally:
        ip("link", "delete", "migration0", inside=first)


def ip(*words: str, inside: str = "") -> str:
    enter = ["nsenter", "--target", inside, "--net"] if inside else []
    done = subprocess.run([*enter, "ip", *words], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


def passed(pid: str) -> int:
    """Bytes that the interface in that network has got and sent."""
    (link,) = json.loads(ip("-json", "-statistics", "link", "show", "migration0", inside=pid))
    return int(link["stats64"]["rx"]["bytes"] + link["stats64"]["tx"]["bytes"])


def test_a_network_of_their_own_and_no_scruples(cluster: Cluster, guest: Counting) -> None:
    with explained(guest), configured(cluster, network=NETWORK, unsafeMigrationOverride=True):
        pods = agents(cluster)
        asked = {pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"] for pod in pods}
        assert asked == {f"{NETWORK}@migration0"}
        state, flags = moved(guest)
        by_node = {pod["spec"]["nodeName"]: pod["status"]["podIP"] for pod in pods}
        assert state["targetNodeAddress"] == by_node[state["targetNode"]], "without it, the pod network does"
        assert "UNSAFE" in flags

        with joined(cluster) as (one, _):
            state, _ = moved(guest)
            assert passed(one) > SEVERAL
        by_node = dict(zip(by_node, ADDRESSES, strict=True))
        assert state["targetNodeAddress"] == by_node[state["targetNode"]]
