"""Whatever a cluster is made of dies and starts again while guests idle: none notices, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.harness import guest_kinds, processes, vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import COUNTING, Counting, listening
from tests.e2e.harness.guest_kinds import Guests
from tests.e2e.harness.guests import diskless, vm
from tests.e2e.harness.nodes import all_is_well, takes_guests
from tests.e2e.harness.waiting import until

HERE = "node2"
CONTROL_PLANE = ("kube-apiserver", "etcd", "kube-controller-manager", "kube-scheduler")
NODES_OWN = ("kubelet", "containerd", "kube-proxy")
COMPONENTS = ("virt-handler", "virt-controller", "virt-api", "virt-operator")
STILL = ("paused", "bare", "always")
"""Guests beside the one that counts."""


class Idle(Guests):
    """Guests on HERE, and what must not change of them."""

    def make(self) -> None:
        made = vm("counter", self.namespace, user_data=COUNTING, grace=0)
        others = (diskless(vm(name, self.namespace, grace=0)) for name in ("paused", "always"))
        for each in (made, *others, guest_kinds.bare(self.namespace), guest_kinds.replica_set(self.namespace)):
            self.cluster.create(guest_kinds.preferring(each, HERE))
        until("the replica set is complete", lambda: len(self.members()) == guest_kinds.REPLICAS, 60)
        self.names = {*STILL, "counter", *(vmi["metadata"]["name"] for vmi in self.members().values())}
        self.all_run(self.names)
        assert self.cluster.virtctl("pause", "vm", "paused", "-n", self.namespace).code == 0
        vms.shows(self.cluster, self.namespace, "paused", "Paused")
        self.counter = Counting(self.cluster, self.namespace, "counter")

    def lives(self) -> dict[str, tuple[str, str, str, list[int]]]:
        """UID, phase, node and process of each guest."""
        return {name: self._life(vmi) for name, vmi in self.none_twice().items()}

    def _life(self, vmi: Object) -> tuple[str, str, str, list[int]]:
        meta, status = vmi["metadata"], vmi["status"]
        return meta["uid"], status["phase"], status["nodeName"], processes.guests(f"{self.namespace}_{meta['name']}")

    def pods(self) -> set[str]:
        return {pod["metadata"]["uid"] for pod in self.cluster.list("pods", self.namespace)}


@pytest.fixture(scope="module")
def idle(cluster: Cluster) -> Iterator[Idle]:
    until(f"{HERE} takes guests", lambda: takes_guests(cluster, HERE), 120)
    cluster.kubectl("create", "namespace", "idle")
    guests = Idle(cluster, "idle")
    guests.make()
    yield guests
    cluster.kubectl("-n", "idle", "delete", "vmirs,vms,vmis", "--all", "--wait=false")
    cluster.kubectl("delete", "namespace", "idle", "--wait=false")


def pids(cluster: Cluster, programs: tuple[str, ...]) -> dict[str, list[int]]:
    """Of each of them: the processes of a component's pods, of a program of the node HERE, or of the control plane."""
    found = {}
    for program in programs:
        if program in COMPONENTS:
            pods = cluster.list("pods", "kubevirt", f"kubevirt.io={program}")
            found[program] = [pid for pod in pods for pid in processes.of_pod(pod["metadata"]["name"])]
        else:
            node = "node1" if program in CONTROL_PLANE else HERE
            found[program] = processes.of_node(cluster.name, node, program)
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    "programs",
    [*((name,) for name in (*COMPONENTS, *NODES_OWN)), COMPONENTS, CONTROL_PLANE, (*CONTROL_PLANE, *NODES_OWN)],
    ids="-".join,
)
def test_what_dies_disturbs_no_idle_guest(cluster: Cluster, idle: Idle, programs: tuple[str, ...]) -> None:
    uid = idle.counter.counts_on()
    before, pods = idle.lives(), idle.pods()
    assert set(before) == idle.names
    old = pids(cluster, programs)
    assert all(old.values()), old
    processes.kill(*(pid for each in old.values() for pid in each))

    def again() -> bool:
        now = pids(cluster, programs)
        return all(now.values()) and not {pid for each in now.values() for pid in each} & {
            pid for each in old.values() for pid in each
        }

    until("all of them run again", again, 120)
    until("all is well again", lambda: all_is_well(cluster) and takes_guests(cluster, HERE), 300)
    idle.counter.counts_on_alone(uid)
    assert idle.lives() == before
    assert idle.pods() == pods
    assert vms.is_true(idle.now()["paused"], "Paused")
    assert not listening(cluster)
    assert cluster.virtctl("restart", "always", "-n", idle.namespace).code == 0
    vms.replaced(cluster, idle.namespace, "always", before["always"][0])
