"""The evacuation controller as it runs, on an API in memory."""

from __future__ import annotations

from typing import Any

from api.time import format_time
from tests.fakes.waiting import until
from tests.unit.virt_controller.test_life_on_api import KUBEVIRT, PODS, TEMPLATE, VMIS, Cluster, running
from virt_model import labels, names

Json = dict[str, Any]
MIGRATIONS = f"{KUBEVIRT}/namespaces/n/virtualmachineinstancemigrations"
TAINT = {"key": "kubevirt.io/drain", "effect": "NoSchedule"}


def node(*taints: Json) -> Json:
    return {"metadata": {"name": "node1"}, "spec": {"taints": list(taints)}}


def guest(**status: Any) -> Json:
    movable = {"type": "LiveMigratable", "status": "True"}
    return {
        "metadata": {"name": "a", "uid": "vmi-uid"},
        "spec": {**TEMPLATE["spec"], "evictionStrategy": "LiveMigrate"},
        "status": {"phase": "Running", "nodeName": "node1", "conditions": [movable], **status},
    }


def launcher() -> Json:
    owner = {"kind": "VirtualMachineInstance", "name": "a", "uid": "vmi-uid", "controller": True}
    marks = {labels.ROLE: labels.ROLE_LAUNCHER, labels.CREATED_BY: "vmi-uid"}
    metadata = {"name": names.launcher_pod_name("a", "vmi-uid"), "labels": marks, "ownerReferences": [owner]}
    states = [{"name": "compute", "state": {"running": {}}}]
    status = {"phase": "Running", "containerStatuses": states}
    return {"metadata": metadata, "spec": {"nodeName": "node1"}, "status": status}


def migrations(cluster: Cluster) -> list[Json]:
    found = cluster.api.objects.items()
    return [obj for (path, _, _), obj in found if path.endswith("/virtualmachineinstancemigrations")]


def told_by(cluster: Cluster, reason: str) -> set[str]:
    events = (obj for (path, _, _), obj in cluster.api.objects.items() if path.endswith("/events"))
    return {each["source"]["component"] for each in events if each["reason"] == reason}


async def test_a_tainted_node_is_left_and_a_failure_is_followed_by_another() -> None:
    async with running() as cluster:
        cluster.api.put("/api/v1/nodes", node())
        cluster.api.put(PODS, launcher())
        cluster.api.put(VMIS, guest())
        cluster.api.put("/api/v1/nodes", node(TAINT))
        await until(lambda: len(migrations(cluster)) == 1)
        (first,) = migrations(cluster)
        assert first["spec"] == {"vmiName": "a", "priority": "system-critical"}
        await until(lambda: told_by(cluster, "SuccessfulCreate") >= {"evacuation-controller"})

        stamp = {"phase": "Failed", "phaseTransitionTimestamp": format_time(4_000_000_000)}
        cluster.api.put(MIGRATIONS, {**first, "status": {"phase": "Failed", "phaseTransitionTimestamps": [stamp]}})
        await until(lambda: len(migrations(cluster)) == 2)
        await until(lambda: told_by(cluster, "MigrationBackoff") == {"virtualmachine-controller"})
        assert len(migrations(cluster)) == 2


async def test_an_evicted_guest_leaves_and_one_that_cannot_says_so() -> None:
    async with running() as cluster:
        cluster.api.put("/api/v1/nodes", node())
        cluster.api.put(PODS, launcher())
        cluster.api.put(VMIS, guest(evacuationNodeName="node1", conditions=[]))
        await until(lambda: told_by(cluster, "FailedCreate") == {"evacuation-controller"})
        assert not migrations(cluster)
        cluster.api.put(VMIS, guest(evacuationNodeName="node1"))
        await until(lambda: len(migrations(cluster)) == 1)
