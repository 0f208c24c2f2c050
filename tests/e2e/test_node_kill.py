"""A node loses its power with a guest of each kind on it: what each kind's user expects, and never two runners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.harness import guest_kinds, vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import COUNTING, Counting
from tests.e2e.harness.guest_kinds import Guests
from tests.e2e.harness.guests import diskless, vm
from tests.e2e.harness.moments import OVER, SENDING, slowly
from tests.e2e.harness.nodes import all_is_well, ready, reset, takes_guests
from tests.e2e.harness.rest import call, one
from tests.e2e.harness.waiting import until

NODE = "node2"
TAINT = "node.kubernetes.io/out-of-service"
SELF_FENCING = {"podvirt.io/self-fencing": "true"}
RUN_AGAIN = ("always", "rerunonfailure", "paused", "disks", "leaving")
STAY_FAILED = ("manual", "once", "bare")
GO = ("stopping", "deleted")
DEAF = 300  # seconds of grace that a guest without an operating system lets pass


class Scene(Guests):
    """The guests, those on NODE by name, and two that move when it dies."""

    def __init__(self, cluster: Cluster, namespace: str, annotations: dict[str, str]) -> None:
        super().__init__(cluster, namespace)
        self._annotations = annotations
        self.leaving = Counting(cluster, namespace, "leaving")
        self.arriving = Counting(cluster, namespace, "arriving")

    def make(self) -> None:
        for made in self._machines():
            self.cluster.create(guest_kinds.preferring(made, NODE, self._annotations))
        arriving = vm("arriving", self.namespace, user_data=COUNTING, grace=0)
        self.cluster.create(guest_kinds.preferring(arriving, self._other(), self._annotations))
        self.cluster.create(diskless(vm("halted", self.namespace, strategy="Halted")))
        assert self.cluster.virtctl("start", "manual", "-n", self.namespace).code == 0
        members = until("the replica set is complete", self._complete, 60)
        names = {vmi["metadata"]["name"] for vmi in members.values()}
        self.before = self.all_run({*RUN_AGAIN, *STAY_FAILED, *GO, "arriving", *names})
        until("all are guarded", self._guarded, 60)
        self.members_before = self.members()
        self.uid = {name: vmi["metadata"]["uid"] for name, vmi in self.now().items()}

    def _machines(self) -> Iterator[Object]:
        yield from guest_kinds.of_strategies(self.namespace)
        yield diskless(vm("paused", self.namespace, grace=0))
        yield from (diskless(vm(name, self.namespace, grace=DEAF)) for name in GO)
        yield guest_kinds.with_disks("disks", self.namespace)
        yield vm("leaving", self.namespace, user_data=COUNTING, grace=0)
        yield guest_kinds.bare(self.namespace)
        yield guest_kinds.replica_set(self.namespace)

    def _other(self) -> str:
        return next(each["metadata"]["name"] for each in self.cluster.list("nodes") if each["metadata"]["name"] != NODE)

    def _complete(self) -> dict[str, Object] | None:
        found = self.members()
        return found if len(found) == guest_kinds.REPLICAS else None

    def _guarded(self) -> bool:
        now = self.now().values()
        return not self._annotations or all(vmi["metadata"]["annotations"].get("podvirt.io/guarded") for vmi in now)

    def busy(self) -> None:
        """One is paused, one frozen, one told to stop; one leaves NODE and one comes to it, both slowly."""
        until("the agent", lambda: vms.is_true(self.now()["disks"], "AgentConnected"), 300)
        for guest in (self.leaving, self.arriving):
            guest.counts_on(5, 300)
        assert {vmi["status"]["nodeName"] for name, vmi in self.now().items() if name != "arriving"} == {NODE}
        frozen = call(self.cluster, "PUT", f"{one(self.namespace, 'vmi', 'disks')}/freeze", {"unfreezeTimeout": "0s"})
        assert frozen.status == 200, frozen
        assert self.cluster.virtctl("pause", "vm", "paused", "-n", self.namespace).code == 0
        vms.shows(self.cluster, self.namespace, "paused", "Paused")
        self.moves = {"leaving": self.leaving.migrate(), "arriving": self.arriving.migrate(to=NODE)}
        for name in self.moves:
            until(
                f"{name} is on its way", lambda name=name: SENDING in self.now()[name]["metadata"]["annotations"], 240
            )
        assert self.arriving.state["targetNode"] == NODE
        assert self.cluster.virtctl("stop", "stopping", "-n", self.namespace).code == 0
        until("it is told to stop", lambda: "deletionTimestamp" in self.now()["stopping"]["metadata"])
        launchers = self.cluster.list("pods", self.namespace, "kubevirt.io=virt-launcher")
        self.old = [pod["metadata"]["name"] for pod in launchers if pod["spec"]["nodeName"] == NODE]

    def has_settled(self) -> None:
        self.is_as_users_expect(360)
        self.members_are_replaced()
        self.moves_are_over()

    def is_as_users_expect(self, seconds: float) -> None:
        """Who shall run does so as a new guest, who shall not has failed, others are gone; none ran twice."""

        def probe() -> bool:
            now = self.none_twice()
            wrong = [name for name in RUN_AGAIN if not self._anew(now.get(name))]
            wrong += [name for name in STAY_FAILED if not self._failed(now.get(name))]
            wrong += [name for name in (*GO, "halted") if name in now]
            if wrong:
                raise LookupError(f"not as expected: { {name: _short(now.get(name)) for name in wrong} }")
            return True

        until("each guest is as its user expects", probe, seconds, every=0.5)
        for name in ("stopping", "halted"):
            vms.shows(self.cluster, self.namespace, name, "Stopped", 60)
        assert vms.status_of(self.cluster, self.namespace, "paused")["printableStatus"] == "Running", "a new guest"
        assert "fsFreezeStatus" not in self.now()["disks"]["status"]
        vms.gone(self.cluster, self.namespace, "vm", "deleted", 60)

    def _anew(self, vmi: Object | None) -> bool:
        if vmi is None or vmi["status"].get("phase") != "Running":
            return False
        return bool(vmi["metadata"]["uid"] != self.uid[vmi["metadata"]["name"]])

    def _failed(self, vmi: Object | None) -> bool:
        if vmi is None or vmi["metadata"]["uid"] != self.uid[vmi["metadata"]["name"]]:
            return False
        return bool(vmi["status"]["phase"] == "Failed")

    def is_told(self, reason: str) -> None:
        """To each guest's owner, why it ended; and what runs is elsewhere."""
        told = self.cluster.list("events", self.namespace)
        lost = {each["involvedObject"]["name"] for each in told if each["reason"] == reason}
        assert {*RUN_AGAIN, *STAY_FAILED} <= lost, lost
        now = self.now()
        assert {now[name]["status"]["reason"] for name in STAY_FAILED} == {reason}
        alive = [now[name] for name in (*RUN_AGAIN, "arriving")] + list(self.members().values())
        assert NODE not in {vmi["status"]["nodeName"] for vmi in alive}

    def members_are_replaced(self) -> None:
        def probe() -> bool:
            now = self.members()
            run = [vmi for vmi in now.values() if vmi["status"].get("phase") == "Running"]
            return len(run) == len(now) == guest_kinds.REPLICAS and not now.keys() & self.members_before.keys()

        until("the replica set has others", probe, 240)

    def moves_are_over(self) -> None:
        """The guest that was to come stays where it was, with its memory; the one that was to leave is a new one."""
        for name, move in self.moves.items():

            def over(move: str = move) -> Object | None:
                found = self.cluster.get("vmim", move, self.namespace)
                status: Object = (found or {"status": {"phase": "Failed"}})["status"]
                return status if status.get("phase") in OVER else None

            assert until(f"the migration of {name} is over", over, 120)["phase"] == "Failed"
        assert self.arriving.state["failureReason"]
        self.arriving.counts_on_alone(self.uid["arriving"])
        self.leaving.counts_on(5)


def _short(vmi: Object | None) -> object:
    return vmi and {key: vmi["status"].get(key) for key in ("phase", "reason", "nodeName")}


@contextmanager
def powered_off(cluster: Cluster) -> Iterator[None]:
    """Without the taint on it afterwards, and with all well again."""
    cluster.node("kill", NODE)
    try:
        yield
    finally:
        cluster.node("start", NODE)
        cluster.try_kubectl("taint", "node", NODE, f"{TAINT}-")
        until("all is well again", lambda: all_is_well(cluster) and takes_guests(cluster, NODE), 300)


@contextmanager
def each_kind(cluster: Cluster, namespace: str, annotations: dict[str, str]) -> Iterator[Scene]:
    """At its busiest; afterwards nothing is left of what was on NODE, and what has failed can be started."""
    until(f"{NODE} takes guests", lambda: takes_guests(cluster, NODE), 120)
    scene = Scene(cluster, namespace, annotations)
    scene.make()
    with slowly(scene.arriving, bandwidthPerMigration="512Ki", completionTimeoutPerGiB=1200):
        scene.busy()
        yield scene
    scene.nothing_left_of(scene.old)
    assert cluster.virtctl("start", "manual", "-n", namespace).code == 0
    vms.replaced(cluster, namespace, "manual", scene.uid["manual"])


@pytest.mark.long
@pytest.mark.parametrize(("how", "reason"), [("taint", "NodeOutOfService"), ("self-fencing", "NodeFenced")])
def test_a_node_dies_with_guests_of_each_kind(cluster: Cluster, namespace: str, how: str, reason: str) -> None:
    with each_kind(cluster, namespace, SELF_FENCING if how == "self-fencing" else {}) as scene:
        with powered_off(cluster):
            cluster.delete("vm", "deleted", namespace, "--wait=false")
            if how == "taint":
                until(f"{NODE} is given up", lambda: ready(cluster, NODE) == "Unknown", 120)
                now = scene.now()
                assert {name: now[name]["metadata"]["uid"] for name in scene.uid} == scene.uid, "nobody knows yet"
                assert now["always"]["status"]["phase"] == "Running"
                cluster.kubectl("taint", "node", NODE, f"{TAINT}=nodeshutdown:NoExecute")
            scene.has_settled()
            scene.is_told(reason)
            settled = {name: vmi["metadata"]["uid"] for name, vmi in scene.now().items()}
        assert {name: vmi["metadata"]["uid"] for name, vmi in scene.now().items()} == settled, (
            "its return changes nothing"
        )


@pytest.mark.long
def test_a_node_reboots_with_guests_of_each_kind(cluster: Cluster, namespace: str) -> None:
    """By the reset button: it is back before anybody has called it lost."""
    with each_kind(cluster, namespace, {}) as scene:
        cluster.delete("vm", "deleted", namespace, "--wait=false")
        reset(cluster, NODE, 300)
        scene.has_settled()
        until("it takes guests again", lambda: takes_guests(cluster, NODE), 120)
