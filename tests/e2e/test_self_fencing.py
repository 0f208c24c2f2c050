"""A node is cut off or loses its power: guests that are self-fencing end there, and only then run elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.e2e.harness import cuts, processes, vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import Counting, counting, explained
from tests.e2e.harness.nodes import all_is_well, takes_guests
from tests.e2e.harness.waiting import until

THERE = "node2"
LEASE_SECONDS = 30


def fencing(made: Object) -> None:
    """It is self-fencing, and starts on THERE where it can."""
    template = made["spec"]["template"]
    template.setdefault("metadata", {}).setdefault("annotations", {})["podvirt.io/self-fencing"] = "true"
    there = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [THERE]}]}
    preferred = [{"weight": 100, "preference": there}]
    template["spec"]["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


@pytest.fixture(autouse=True)
def ready_there(cluster: Cluster) -> None:
    until(f"{THERE} takes guests", lambda: takes_guests(cluster, THERE), 120)


def on_there(guest: Counting) -> str:
    """UID of the VMI, once its guest counts there with a watchdog."""
    uid = guest.counts_on()
    assert guest.vmi["status"]["nodeName"] == THERE
    assert guest.vmi["metadata"]["annotations"]["podvirt.io/guarded"] == "1"
    return uid


def never_twice(guest: Counting, uid: str, seconds: float) -> None:
    """The VM runs elsewhere in that time, and at no moment did two processes hold its guest."""
    domain = f"{guest.namespace}_{guest.name}"

    def elsewhere() -> bool:
        copies = processes.guests(domain)
        assert len(copies) < 2, f"the guest runs twice: {copies}"
        vmi = guest.vmi
        return vmi["metadata"]["uid"] != uid and vmi["status"].get("phase") == "Running"

    until("the VM runs elsewhere", elsewhere, seconds, every=0.2)
    assert guest.vmi["status"]["nodeName"] != THERE
    assert ("Warning", "NodeFenced") in vms.reasons(guest.cluster, guest.namespace, guest.name)
    guest.counts_on()


@contextmanager
def cut_off(cluster: Cluster, node: str) -> Iterator[None]:
    """From the API and from every other node."""
    with ExitStack() as stack:
        stack.enter_context(cuts.api_out_of_reach(cluster, node))
        for other in cluster.list("nodes"):
            if other["metadata"]["name"] != node:
                stack.enter_context(cuts.nodes_apart(cluster, node, other["metadata"]["name"]))
        yield


def test_an_outage_of_the_api_stops_no_guest_and_a_cut_ends_it_before_it_runs_elsewhere(cluster: Cluster) -> None:
    with counting(cluster, "fencing", fencing) as guest, explained(guest):
        uid = on_there(guest)
        (qemu,) = processes.guests(f"{guest.namespace}_{guest.name}")
        with cuts.api_out_of_reach(cluster, THERE):
            outlive_the_lease(guest, qemu)  # the other agent vouches for it
        until("all is well again", lambda: all_is_well(cluster), 120)
        assert guest.counts_on(max(guest.counted(uid))) == uid
        with cut_off(cluster, THERE):
            never_twice(guest, uid, 150)
        until("all is well again", lambda: all_is_well(cluster), 180)
        until("nothing is left of it", lambda: not guest.launchers(uid), 120)
        until(f"{THERE} takes guests again at once", lambda: takes_guests(cluster, THERE), 20)


def test_it_moves_with_its_guard(cluster: Cluster) -> None:
    with counting(cluster, "guarded", fencing) as guest, explained(guest):
        uid = on_there(guest)
        assert guest.over(guest.migrate())["status"]["phase"] == "Succeeded"
        guest.counts_on_alone(uid)
        assert guest.vmi["metadata"]["annotations"]["podvirt.io/guarded"] == "2"
        guest.nothing_left()


def outlive_the_lease(guest: Counting, qemu: int) -> None:
    """One and a half leases long that very process holds the guest."""
    end = time.monotonic() + 1.5 * LEASE_SECONDS
    until("the lease would be over", lambda: time.monotonic() > end, 2 * LEASE_SECONDS)
    assert processes.guests(f"{guest.namespace}_{guest.name}") == [qemu]


@pytest.mark.long
def test_a_power_cut(cluster: Cluster) -> None:
    with counting(cluster, "power", fencing) as guest, explained(guest):
        uid = on_there(guest)
        cluster.node("kill", THERE)
        try:
            until("it is told", lambda: vms.condition(guest.vmi, "NodeLost"), 60)
            said = " ".join(cluster.virtctl("why", "vm", guest.name, "-n", guest.namespace).out.split())
            assert f"waits for its node {THERE}" in said and "must call it lost" in said, said
            never_twice(guest, uid, 120)
        finally:
            cluster.node("start", THERE)
            until("all is well again", lambda: all_is_well(cluster) and takes_guests(cluster, THERE), 240)
        assert not guest.launchers(uid)


@pytest.mark.long
@pytest.mark.parametrize("how", ["killed", "replaced"])
def test_a_new_agent_keeps_its_guests(cluster: Cluster, how: str) -> None:
    """The last tests here: one that is replaced leaves a lease of minutes."""
    with counting(cluster, "new-agent", fencing) as guest, explained(guest):
        on_there(guest)
        (qemu,) = processes.guests(f"{guest.namespace}_{guest.name}")
        agents = cluster.list("pods", "kubevirt", "kubevirt.io=virt-handler")
        (agent,) = (pod["metadata"]["name"] for pod in agents if pod["spec"]["nodeName"] == THERE)
        if how == "killed":
            processes.kill(*processes.of_pod(agent))
        else:
            cluster.delete("pod", agent, "kubevirt")
        outlive_the_lease(guest, qemu)
        until("all is well again", lambda: all_is_well(cluster), 120)
