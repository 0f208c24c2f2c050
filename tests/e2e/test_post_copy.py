"""A guest that is too slow to send runs at its target before all of its memory is there.

When either side dies from then on it is lost, and never runs twice.
"""

from collections.abc import Iterator

import pytest

from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import Counting, counting, explained
from tests.e2e.harness.moments import Move, slowly
from tests.e2e.harness.waiting import until
from tests.e2e.harness.watching import Watching
from tests.e2e.test_migration_faults import Scene

COUNTS_AND_WRITES = """#!/bin/sh
(n=0; while :; do n=$((n+1)); echo tick $n > /dev/ttyS0; sleep 0.3; done) &
(while :; do dd if=/dev/urandom of=/tmp/noise bs=1M count=8 conv=notrunc 2>/dev/null; sleep 1; done) &
"""
SWITCHED = "targetNodeDomainReadyTimestamp"
"""Told when the guest runs at the target; the rest of its memory takes some seconds more."""
VICTIMS = tuple(
    f"{what} of the {side}" for what in ("QEMU", "launcher", "handler", "node") for side in ("source", "target")
)
SHORT = "QEMU of the source"


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """A guest that soon is too slow, for all tests: it is started anew when it is lost."""
    with counting(cluster, "post-copy", user_data=COUNTS_AND_WRITES, memory="128Mi") as guest:
        settings = {"bandwidthPerMigration": "2Mi", "completionTimeoutPerGiB": 5, "allowPostCopy": True}
        with slowly(guest, **settings):
            yield Scene(cluster, guest.namespace)


def test_it_runs_at_the_target_before_all_of_its_memory_is_there(scene: Scene) -> None:
    with explained(scene):
        move = Move(scene, SWITCHED)
        assert running_ahead(scene, move)["status"]["nodeName"] == move.target_node
        over = scene.over(move.name)["status"]
        assert (over["phase"], over["migrationState"]["mode"]) == ("Succeeded", "PostCopy"), over
        assert over["migrationState"]["migrationConfiguration"]["allowWorkloadDisruption"] is True
        scene.counts_on_alone(move.uid)
        scene.nothing_left()


def running_ahead(guest: Counting, move: Move) -> Object:
    """The VMI, whose guest has begun to run at the target, and is not all there."""
    vmi = guest.vmi
    state = vmi["status"]["migrationState"]
    assert (state["mode"], state.get("endTimestamp")) == ("PostCopy", None), state
    assert vmi["metadata"]["annotations"]["podvirt.io/runner"]
    assert move.source["metadata"]["uid"] not in vmi["metadata"]["annotations"]["podvirt.io/runner"]
    return vmi


def lost(seen: Object) -> bool:
    status = seen.get("status") or {}
    kind = seen["kind"] == "VirtualMachineInstance"
    return kind and (status.get("phase"), status.get("reason")) == ("Failed", "PostcopyFailed")


def told_of(guest: Counting, uid: str) -> list[Object]:
    """Events: they outlast the VMI, and a watch that ends with the API server's node."""
    events = guest.cluster.list("events", guest.namespace)
    return [each for each in events if (each["reason"], each["involvedObject"]["uid"]) == ("PostcopyFailed", uid)]


@pytest.mark.parametrize("who", [who if who == SHORT else pytest.param(who, marks=pytest.mark.long) for who in VICTIMS])
def test_it_is_lost_when_one_dies_after_the_switch(cluster: Cluster, scene: Scene, who: str) -> None:
    with explained(scene), Watching(cluster, scene.namespace) as watching:
        move = Move(scene, SWITCHED)
        end = scene.victim(who, move.source, move.target, move.name)
        running_ahead(scene, move)
        end()
        until("it is told", lambda: told_of(scene, move.uid), 240)
        if not who.startswith("node"):  # the API server's may be the one: then the watch has ended with it
            told = watching.first("it is lost", lost, 30)
            assert told["status"]["migrationState"]["failureReason"].startswith("PostcopyFailed: ")
        numbers = scene.counted(move.uid)
        assert not {number for number in numbers if numbers.count(number) > 1}, "counted twice"
        assert scene.counts_on(seconds=240) != move.uid
