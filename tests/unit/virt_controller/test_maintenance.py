"""A node that its guests shall leave: what is done, and what the report says."""

from __future__ import annotations

from typing import Any

import pytest

from api.lens_patch import apply_patch
from api.time import format_time
from tests.fakes.waiting import until
from tests.unit.virt_controller.test_evacuation_on_api import guest as running_guest
from tests.unit.virt_controller.test_evacuation_on_api import launcher, migrations
from tests.unit.virt_controller.test_life_on_api import PODS, VMIS, running
from virt_controller.plan import maintenance as planner
from virt_controller.plan.actions import Delete, Kind, Patch
from virt_controller.plan.maintenance import MaintenanceWorld
from virt_controller.plan.migration_world import Migration
from virt_model.config import ClusterConfig
from virt_model.seen import Seen, Vmi
from virt_runtime.resources import MAINTENANCES

Json = dict[str, Any]
NOW = 1_800_000_000.0
TAINT = {"key": "kubevirt.io/drain", "value": "maintenance-uid-m", "effect": "NoSchedule"}
ASKED = "/apis/podvirt.io/v1alpha1/maintenances"


def maintenance(name: str = "m", **spec: Any) -> Json:
    metadata = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "creationTimestamp": format_time(NOW)}
    return {"metadata": metadata, "spec": {"nodeName": "node1", **spec}}


def node(*taints: Json) -> Json:
    spec = {"taints": list(taints)} if taints else {}
    return {"metadata": {"name": "node1", "uid": "n"}, "spec": spec}


def vmi(name: str, strategy: str = "", movable: bool = True, at: str = "node1", phase: str = "Running") -> Json:
    listed = [{"type": "LiveMigratable", "status": "True" if movable else "False"}]
    spec = {"evictionStrategy": strategy} if strategy else {}
    metadata = {"namespace": "ns", "name": name, "uid": f"uid-{name}"}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase, "nodeName": at, "conditions": listed}}


def migration(name: str, phase: str, **status: Any) -> Json:
    metadata = {"namespace": "ns", "name": f"move-{name}", "uid": f"move-{name}"}
    return {"metadata": metadata, "spec": {"vmiName": name}, "status": {"phase": phase, **status}}


class Cluster:
    """What the API holds; `settle` lets the controller work until it has nothing to do."""

    def __init__(self, *asked: Json, vmis: tuple[Json, ...] = ()) -> None:
        self.node: Json | None = node()
        self.asked = {each["metadata"]["name"]: each for each in asked}
        self.vmis = {each["metadata"]["name"]: each for each in vmis}
        self.migrations: tuple[Json, ...] = ()
        self.now = NOW
        self.events: list[str] = []

    def world(self) -> MaintenanceWorld:
        return MaintenanceWorld(
            name="node1", node=None if self.node is None else Seen(self.node),
            asked=tuple(map(Seen, self.asked.values())), vmis=tuple(map(Vmi, self.vmis.values())),
            migrations=tuple(map(Migration, self.migrations)), config=ClusterConfig(), now=self.now,
        )  # fmt: skip

    def settle(self) -> float | None:
        world = self.world()
        for _ in range(40):
            plan = planner.plan(world)
            if plan.action is None:
                return plan.again_in
            self.events += [f"{event.type} {event.reason}" for event in plan.action.events]
            if isinstance(plan.action, Delete):
                doomed = self.vmis[plan.action.name]
                doomed["metadata"]["deletionTimestamp"] = format_time(self.now)
                world = world.after(plan.action, doomed)
                continue
            assert isinstance(plan.action, Patch)
            if plan.action.kind is Kind.NODE:
                assert self.node is not None
                self.node = apply_patch(self.node, plan.action.ops)
                world = world.after(plan.action, self.node)
            else:
                changed = apply_patch(self.asked[plan.action.name], plan.action.ops)
                self.asked[plan.action.name] = changed
                world = world.after(plan.action, changed)
        raise AssertionError("it does not settle")

    def report(self, name: str = "m") -> dict[str, tuple[str, str, str]]:
        guests = self.asked[name]["status"]["guests"]
        return {each["name"]: (each["plan"], each["state"], each.get("reason", "")) for each in guests}

    def shown(self, name: str = "m") -> tuple[str, str, str]:
        status = self.asked[name]["status"]
        return status["phase"], status["progress"], status["message"]


def test_the_node_is_tainted_as_long_as_somebody_asks_and_then_no_more() -> None:
    cluster = Cluster(maintenance())
    assert cluster.settle() is None
    assert cluster.node == node(TAINT) and cluster.shown() == ("Drained", "0/0", "no guest is left on the node")
    cluster.asked.clear()
    cluster.settle()
    assert cluster.node is not None and cluster.node["spec"]["taints"] == []


def test_a_taint_of_somebody_else_is_theirs() -> None:
    foreign = {"key": "kubevirt.io/drain", "effect": "NoSchedule"}
    cluster = Cluster(maintenance())
    cluster.node = node(foreign)
    cluster.settle()
    cluster.asked.clear()
    cluster.settle()
    assert cluster.node == node(foreign)


def test_what_moves_is_followed_until_it_has_moved() -> None:
    cluster = Cluster(maintenance(), vmis=(vmi("a", "LiveMigrate"), vmi("elsewhere", at="node2")))
    cluster.settle()
    assert cluster.report() == {"a": ("Migrate", "Waiting", "")}
    cluster.migrations = (migration("a", "Failed", migrationState={"failureReason": "no route"}),)
    cluster.settle()
    assert cluster.report()["a"][2] == "migration move-a has failed: no route"
    assert cluster.shown()[2] == "still there: ns/a (migration move-a has failed: no route)"
    cluster.migrations = (migration("a", "Running"),)
    cluster.settle()
    assert cluster.report() == {"a": ("Migrate", "Moving", "")} and cluster.shown()[:2] == ("Draining", "0/1")
    cluster.vmis["a"] = vmi("a", "LiveMigrate", at="node2")
    cluster.settle()
    (told,) = cluster.asked["m"]["status"]["guests"]
    assert (told["state"], told["nodeName"]) == ("Moved", "node2") and cluster.shown()[:2] == ("Drained", "1/1")
    assert cluster.asked["m"]["status"]["endTimestamp"] == format_time(NOW)
    assert cluster.events == ["Normal Draining", "Normal Drained"]


@pytest.mark.parametrize(
    ("strategy", "movable", "why"),
    [
        ("", True, "by its eviction strategy it does not move"),
        ("LiveMigrate", False, "it cannot be migrated"),
        ("External", True, "its eviction strategy is External: somebody else moves it"),
    ],
)
def test_what_does_not_move_is_kept_or_stopped(strategy: str, movable: bool, why: str) -> None:
    cluster = Cluster(maintenance(), vmis=(vmi("a", strategy, movable),))
    cluster.settle()
    assert cluster.report() == {"a": ("Keep", "Kept", why)} and "deletionTimestamp" not in cluster.vmis["a"]["metadata"]
    cluster.asked["m"]["spec"]["others"] = "Stop"
    cluster.settle()
    assert cluster.report() == {"a": ("Stop", "Stopping", why)} and "deletionTimestamp" in cluster.vmis["a"]["metadata"]
    cluster.vmis.clear()
    cluster.settle()
    assert cluster.report() == {"a": ("Stop", "Ended", "")} and cluster.shown()[0] == "Drained"
    assert cluster.events == ["Normal Draining", "Normal StoppedForMaintenance", "Normal Drained"]


def test_not_all_are_stopped_at_once() -> None:
    cluster = Cluster(maintenance(others="Stop"), vmis=tuple(vmi(f"vm{each:02}") for each in range(15)))
    cluster.settle()
    assert sum("deletionTimestamp" in each["metadata"] for each in cluster.vmis.values()) == 10


def test_a_deadline_ends_it_with_a_warning_and_a_guest_that_leaves_later_counts() -> None:
    cluster = Cluster(maintenance(deadline="1h30m", others="Keep"), vmis=(vmi("a"), vmi("b")))
    assert cluster.settle() == pytest.approx(5400.1)
    assert cluster.asked["m"]["status"]["deadlineTimestamp"] == format_time(NOW + 5400)
    cluster.now += 5401
    assert cluster.settle() is None
    why = "by its eviction strategy it does not move"
    assert cluster.shown() == ("Expired", "0/2", f"the deadline is over; still there: ns/a ({why}) and 1 more")
    cluster.asked["m"]["spec"]["others"] = "Stop"
    cluster.settle()
    assert "deletionTimestamp" not in cluster.vmis["a"]["metadata"], "what has expired stops nobody"
    cluster.vmis.clear()
    cluster.settle()
    assert cluster.shown()[0] == "Drained"
    assert cluster.events == ["Normal Draining", "Warning Expired", "Normal Drained"]


def test_without_the_node_it_says_so() -> None:
    cluster = Cluster(maintenance())
    cluster.node = None
    cluster.settle()
    assert cluster.shown() == ("Draining", "0/0", "there is no node node1")


def test_two_for_one_node_report_alike_and_the_taint_stays_until_both_are_gone() -> None:
    cluster = Cluster(maintenance(), maintenance("other"), vmis=(vmi("a"),))
    cluster.settle()
    assert cluster.report() == cluster.report("other")
    del cluster.asked["m"]
    cluster.settle()
    assert cluster.node == node(TAINT), "it is of no use to write it anew"
    cluster.asked.clear()
    cluster.settle()
    assert cluster.node is not None and cluster.node["spec"]["taints"] == []


def test_a_settled_report_is_not_written_again() -> None:
    cluster = Cluster(maintenance(deadline="1h"), vmis=(vmi("a"), vmi("b", "LiveMigrate")))
    cluster.settle()
    cluster.now += 60
    assert planner.plan(cluster.world()).action is None


async def test_on_an_api_a_guest_is_moved_and_the_taint_goes_with_the_object() -> None:
    async with running() as cluster:
        cluster.api.put("/api/v1/nodes", {"metadata": {"name": "node1"}, "spec": {}})
        cluster.api.put(PODS, launcher())
        cluster.api.put(VMIS, running_guest())
        cluster.api.put(ASKED, {"metadata": {"name": "m"}, "spec": {"nodeName": "node1"}})
        await until(lambda: len(migrations(cluster)) == 1)

        def shown() -> Any:
            return (cluster.get("maintenances", "m") or {}).get("status", {})

        await until(lambda: shown().get("phase") == "Draining" and shown()["guests"][0]["plan"] == "Migrate")
        moved = cluster.vmi
        assert moved is not None
        cluster.api.put(VMIS, {**moved, "status": {**moved["status"], "nodeName": "node2"}})
        await until(lambda: shown().get("phase") == "Drained")
        await cluster.kube.delete(MAINTENANCES, None, "m")
        await until(lambda: not (cluster.get("nodes", "node1") or {})["spec"].get("taints"))
