"""The moments of a migration, read from the API's objects and from the launchers' logs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import course
from bench.course import TOLD
from bench.subjects import VMIS
from virt_runtime.resources import PODS, Resource


def reached(resource: Resource, obj: dict[str, Any], uid: str = "m") -> list[str]:
    table = next(holds for each, holds in TOLD if each is resource)
    return [moment for moment, holds in table.items() if holds(obj, uid)]


def vmi(runner: str = "", **state: Any) -> dict[str, Any]:
    active = {"old": "node1", "new": "node2"}
    status = {"migrationState": {"migrationUid": "m", "targetNode": "node2", **state}, "activePods": active}
    return {"metadata": {"annotations": {"podvirt.io/runner": runner} if runner else {}}, "status": status}


def test_a_vmi_tells_of_its_own_migration_only() -> None:
    ports = {"targetDirectMigrationNodePorts": {"40000": 0}}
    assert reached(VMIS, vmi()) == ["handed to agents"]
    assert reached(VMIS, vmi(**ports, startTimestamp="x")) == ["handed to agents", "target prepared", "started"]
    assert reached(VMIS, vmi(**ports, startTimestamp="x"), "another") == []
    assert reached(VMIS, vmi(endTimestamp="x", completed=True)) == ["handed to agents", "landed", "completed"]


def test_the_runner_is_named_when_it_is_the_pod_at_the_target() -> None:
    assert "runner named" in reached(VMIS, vmi(runner="2:new"))
    assert "runner named" not in reached(VMIS, vmi(runner="1:old"))
    assert "runner named" not in reached(VMIS, vmi())


def test_the_target_is_the_pod_of_this_migration() -> None:
    pod: dict[str, Any] = {"metadata": {"labels": {"kubevirt.io/migrationJobUID": "m"}}, "spec": {}}
    assert reached(PODS, pod) == ["target pod"]
    assert reached(PODS, pod, "another") == []
    pod["spec"]["nodeName"] = "node2"
    pod["status"] = {"containerStatuses": [{"name": "compute", "state": {"running": {}}}]}
    assert reached(PODS, pod) == ["target pod", "scheduled", "container runs"]


def test_a_migration_has_succeeded_or_failed() -> None:
    body = {"metadata": {"uid": "m"}, "status": {"phase": "Succeeded"}}
    assert reached(course.MIGRATIONS, body) == ["Succeeded"]
    assert reached(course.MIGRATIONS, body, "another") == []
    assert reached(course.MIGRATIONS, {"metadata": {"uid": "m"}}) == []


def line(second: float, msg: str, **fields: Any) -> str:
    return json.dumps({"timestamp": f"2026-11-27T12:00:{second:06.3f}Z", "msg": msg, **fields})


@pytest.mark.parametrize(
    ("heard", "left"), [([], 1), ([line(2.75, "QEMU itself says that the guest has moved")], 0.75)], ids=str
)
def test_the_logs_tell_of_the_last_migration(heard: list[str], left: float) -> None:
    source = "\n".join([
        line(1, "the guest begins to leave"), line(1.5, "QEMU itself says that the guest has moved"),
        "not one of ours", line(2, "the guest begins to leave"), *heard,
        line(2.9, "what the migration took", total_ms=800, downtime_ms=31, uid="v"), line(3, "the guest has left"),
    ])  # fmt: skip
    target = "\n".join([
        line(2.25, "an arriving guest", event=2, detail=3), line(2.5, "an arriving guest", event=3, detail=0),
        line(4, "guest taken over", resume_s=0.02, adopt_s=0.5),
    ])  # fmt: skip
    found = course.of_logs(source, target)
    first = found["leaving"]
    assert {step: round(at - first, 3) for step, at in found.items()} == {
        "leaving": 0, "left": left, "left, says libvirt": 1, "target's QEMU": 0.25, "received": 0.5, "resumed": 1.5,
    }  # fmt: skip
    assert course.figures_of(source) == {"total_ms": 800, "downtime_ms": 31}
    with pytest.raises(ValueError):
        course.figures_of(target)


def test_steps_count_from_the_creation_and_those_not_seen_are_left_out() -> None:
    moments = {"Succeeded": 103.5, "created": 100.0, "started": 101.0}
    assert list(course.passed(moments).items()) == [("created", 0.0), ("started", 1.0), ("Succeeded", 3.5)]
