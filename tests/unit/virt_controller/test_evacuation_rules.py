"""Which guests leave a node, when, by what, and how failures slow it down."""

from __future__ import annotations

from typing import Any

import pytest

from api.lens_patch import apply_patch
from api.time import format_time
from tests.unit.virt_controller.objects import NOW, pod, vmi_world
from tests.unit.virt_controller.test_migration_rules import Cluster, migration
from virt_controller.plan import evacuation as planner
from virt_controller.plan import vmi as vmi_planner
from virt_controller.plan.actions import Create, Patch, Plan, Refusal
from virt_controller.plan.evacuation import EvacuationWorld
from virt_controller.plan.migration_world import Migration
from virt_model import conditions, labels
from virt_model.config import ClusterConfig
from virt_model.migration_settings import settings_of
from virt_model.seen import Pod, Seen, Vmi

Json = dict[str, Any]
MOVABLE = [{"type": "LiveMigratable", "status": "True"}]
DRAINED = Seen(
    {"metadata": {"name": "node1"}, "spec": {"taints": [{"key": "kubevirt.io/drain", "effect": "NoSchedule"}]}}
)
QUIET = Seen({"metadata": {"name": "node1"}, "spec": {}})


def guest(strategy: str = "LiveMigrate", leaves: str = "node1", movable: bool = True, **status: Any) -> Vmi:
    whole = {"phase": "Running", "nodeName": "node1", "conditions": MOVABLE if movable else [], **status}
    whole |= {"evacuationNodeName": leaves} if leaves else {}
    metadata = {"namespace": "ns", "name": "m", "uid": "vmi-uid", "resourceVersion": "1"}
    return Vmi({"metadata": metadata, "spec": {"evictionStrategy": strategy}, "status": whole})


def plan(vmi: Vmi, *migrations: Json, node: Seen = QUIET, **more: Any) -> Plan:
    given = {"config": ClusterConfig(), "nodes_of": {each["metadata"]["uid"]: "node1" for each in migrations}, **more}
    return planner.plan(EvacuationWorld(vmi=vmi, node=node, migrations=tuple(map(Migration, migrations)), **given))


def of(vmi_name: str, phase: str, uid: str) -> Json:
    made = migration(phase, uid, uid)
    return {**made, "spec": {"vmiName": vmi_name}}


def test_an_eviction_makes_a_migration_before_all_others() -> None:
    action = plan(guest()).action
    assert isinstance(action, Create)
    metadata = action.body["metadata"]
    assert metadata["name"].startswith("kubevirt-evacuation-")
    assert metadata["annotations"] == {"kubevirt.io/evacuationMigration": "node1"}
    assert action.body["spec"] == {"vmiName": "m", "priority": "system-critical"}
    (event,) = action.events
    assert (event.type, event.reason, event.message) == (
        "Normal", "SuccessfulCreate", f"Created Migration {metadata['name']}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "movable", "moves"),
    [
        ("None", True, False),
        ("LiveMigrate", True, True),
        ("LiveMigrateIfPossible", True, True),
        ("LiveMigrateIfPossible", False, False),
        ("External", True, False),
    ],
)
@pytest.mark.parametrize(("leaves", "node"), [("node1", QUIET), ("", DRAINED)])
def test_who_leaves(strategy: str, movable: bool, moves: bool, leaves: str, node: Seen) -> None:
    found = plan(guest(strategy, leaves, movable), node=node)
    assert (found.action is not None, found.events) == (moves, ())


@pytest.mark.parametrize(
    ("vmi", "node"),
    [
        (guest(leaves=""), QUIET),
        (guest(leaves="node2"), QUIET),  # it has left that one
        (guest(phase="Scheduled", leaves=""), DRAINED),
        (guest(phase="Succeeded"), DRAINED),
        (guest(leaves=""), Seen({"spec": {"taints": [{"key": "other", "effect": "NoSchedule"}]}})),
        (guest(leaves=""), Seen({"spec": {"taints": [{"key": "kubevirt.io/drain", "effect": "NoExecute"}]}})),
    ],
)
def test_who_has_no_reason_to_leave(vmi: Vmi, node: Seen) -> None:
    assert plan(vmi, node=node) == Plan()


def test_the_taint_is_the_clusters_choice() -> None:
    config = ClusterConfig(migrations=settings_of({"nodeDrainTaintKey": "node.kubernetes.io/unschedulable"}))
    cordoned = Seen({"spec": {"taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]}})
    assert plan(guest(leaves=""), node=cordoned, config=config).action is not None
    assert plan(guest(leaves=""), node=DRAINED, config=config).action is None


def test_one_that_cannot_leave_says_so_again_and_again() -> None:
    found = plan(guest(movable=False))
    assert found.again_in == 60 and found.action is None
    assert [event.message for event in found.events] == ["VirtualMachineInstance is not migrateable"]


def test_the_strategy_of_the_cluster_counts_for_a_vmi_that_names_none() -> None:
    assert plan(guest("")).action is None
    assert plan(guest(""), config=ClusterConfig(eviction_strategy="LiveMigrate")).action is not None


def test_one_on_its_way_is_left_alone() -> None:
    assert plan(guest(), migration("Running")) == Plan()
    assert plan(guest(), migration("")) == Plan()
    two = (pod("Running"), Pod({**pod("Running").raw, "metadata": {"name": "target"}}))
    assert plan(guest(), pods=two) == Plan()
    assert plan(guest(), migration("Failed"), pods=two[:1]).action is not None


def test_the_limits_hold() -> None:
    two = (of("a", "Running", "u1"), of("b", "Pending", "u2"))
    assert plan(guest(), *two).again_in == 5
    assert plan(guest(), *two, nodes_of={"u1": "node2", "u2": "node2"}).action is not None
    five = [of(f"v{n}", "Running", f"u{n}") for n in range(5)]
    assert plan(guest(), *five, nodes_of={}).again_in == 5
    assert plan(guest(), *[{**each, "status": {"phase": "Failed"}} for each in five]).action is not None


def test_asking_twice_asks_for_the_same_one_and_after_a_failure_for_another() -> None:
    names = []
    for known in ((), (), (migration("Failed"),)):
        action = plan(guest(), *known).action
        assert isinstance(action, Create)
        names.append(action.body["metadata"]["name"])
    assert names[0] == names[1] != names[2]


def test_a_refused_migration_is_told() -> None:
    action = plan(guest()).action
    assert action is not None
    found = plan(guest(), refusal=Refusal(action=action, reason="Forbidden", message="no room"))
    (event,) = found.events
    assert found.refused and (event.type, event.message) == ("Warning", "Error creating a Migration: no room")


def failed(uid: str, created: float, at: float) -> Json:
    made = migration("Failed", uid, uid, metadata={"creationTimestamp": format_time(created), "finalizers": []})
    made["status"]["phaseTransitionTimestamps"] = [
        {"phase": "Failed", "phaseTransitionTimestamp": format_time(at)},
    ]
    return made


@pytest.mark.parametrize(
    ("before", "seconds"),
    [
        ([failed("a", NOW - 50, NOW - 5)], 15),
        ([failed("a", NOW - 90, NOW - 80), failed("b", NOW - 50, NOW - 5)], 35),
        ([failed("a", NOW - 90, NOW - 80), failed("b", NOW - 60, NOW - 50), failed("c", NOW - 40, NOW - 5)], 75),
    ],
)
def test_an_evacuation_waits_for_the_failures_before_it(before: list[Json], seconds: float) -> None:
    cluster = Cluster(*before)
    cluster.migration["metadata"]["annotations"] = {labels.EVACUATION_MIGRATION: "node1"}
    cluster.migration["spec"]["priority"] = "system-critical"
    assert cluster.settle() == pytest.approx(seconds)
    assert cluster.told == ["Warning MigrationBackoff: backoff migrating vmi ns/m"]
    cluster.now += seconds
    cluster.settle()
    assert cluster.phases[-1] == "Scheduling"


def test_a_success_forgives_and_a_person_never_waits() -> None:
    forgiven = failed("a", NOW - 90, NOW - 5), migration("Succeeded", "b", "b")
    cluster = Cluster(*forgiven)
    cluster.migration["metadata"]["annotations"] = {labels.EVACUATION_MIGRATION: "node1"}
    cluster.settle()
    assert cluster.phases[-1] == "Scheduling"
    cluster = Cluster(failed("a", NOW - 50, NOW - 5))
    cluster.settle()
    assert cluster.phases[-1] == "Scheduling"


def test_evacuations_that_back_off_keep_no_room_from_others() -> None:
    waiting = []
    for n in range(5):
        lost, again = (
            failed(f"a{n}", NOW - 50, NOW - 5),
            migration("Pending", f"b{n}", f"b{n}", priority="system-critical"),
        )
        again["metadata"]["annotations"] = {labels.EVACUATION_MIGRATION: "node1"}
        for each in (lost, again):
            each["spec"]["vmiName"] = f"v{n}"
        waiting += [lost, again]
    cluster = Cluster(*waiting)
    cluster.settle()
    assert cluster.phases[-1] == "Scheduling"


def test_a_vmi_that_shall_leave_says_so_until_it_has_left() -> None:
    ready = {"conditions": [{"type": "Ready", "status": "True"}, {"type": labels.UNPAUSED_GATE, "status": "True",
             "reason": "NotPaused", "message": "the virtual machine is not paused"}]}  # fmt: skip
    own = pod("Running", status=ready, labels={labels.NODE_NAME: "node1"})

    def written(vmi: Vmi) -> Vmi:
        action = vmi_planner.plan(vmi_world(vmi, own)).action
        return Vmi(apply_patch(vmi.raw, action.ops)) if isinstance(action, Patch) else vmi

    raw = guest().raw
    raw["metadata"] |= {"name": "a", "namespace": "n"}
    marked = written(Vmi(raw))
    found = conditions.find(marked.conditions, "EvictionRequested")
    assert found is not None
    assert (found["status"], found["reason"], found["message"]) == (
        "True", "EvictionRequested", "VMI is marked for eviction",
    )  # fmt: skip
    assert found["lastProbeTime"] == found["lastTransitionTime"] == format_time(NOW)
    assert written(marked) == marked
    called_off = {key: value for key, value in marked.status.items() if key != "evacuationNodeName"}
    left = written(Vmi({**marked.raw, "status": called_off}))
    assert conditions.find(left.conditions, "EvictionRequested") is None
