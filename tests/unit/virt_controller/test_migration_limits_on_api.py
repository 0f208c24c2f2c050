"""The migration controller as it runs: many who wait at the same time, on an API in memory."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.fakes.waiting import until
from tests.unit.virt_controller.test_evacuation_on_api import MIGRATIONS, guest, launcher, migrations, node
from tests.unit.virt_controller.test_life_on_api import PODS, VMIS, Cluster, running
from virt_controller.plan.migration import PENDING_ANNOTATION
from virt_model import labels, names

Json = dict[str, Any]
MANY = 8
OUTBOUND = 2


def targets(cluster: Cluster) -> list[Json]:
    pods = (obj for (path, _, _), obj in cluster.api.objects.items() if path.endswith("/pods"))
    return [pod for pod in pods if labels.MIGRATION_JOB_UID in (pod["metadata"].get("labels") or {})]


def add_guest(cluster: Cluster, number: int) -> None:
    name, uid = f"guest{number}", f"vmi-{number}"
    machine, pod = deepcopy(guest()), deepcopy(launcher())
    machine["metadata"] = {"name": name, "uid": uid}
    pod["metadata"]["name"] = names.launcher_pod_name(name, uid)
    pod["metadata"]["labels"][labels.CREATED_BY] = uid
    pod["metadata"]["ownerReferences"][0] |= {"name": name, "uid": uid}
    cluster.api.put(PODS, pod)
    cluster.api.put(VMIS, machine)


async def test_no_more_leave_a_node_than_may_however_they_come() -> None:
    """Made within one second they go by their UIDs: each that comes is before those that are about to begin."""
    async with running() as cluster:
        cluster.api.put("/api/v1/nodes", node())
        for number in range(MANY):
            add_guest(cluster, number)
        for number in range(MANY):
            patient = {PENDING_ANNOTATION: "4000000000"}  # objects of the fake are old
            metadata = {"name": f"move{number}", "uid": f"job-{MANY - number}", "annotations": patient}
            cluster.api.put(MIGRATIONS, {"metadata": metadata, "spec": {"vmiName": f"guest{number}"}})
            await until(lambda seen=number: len(_begun(cluster)) > seen)  # type: ignore[misc]
        await until(lambda: len(_begun(cluster)) == MANY and len(_in(cluster, "Scheduling")) >= OUTBOUND)
        assert len(targets(cluster)) == OUTBOUND
        assert len(_in(cluster, "Pending")) == MANY - OUTBOUND


def _begun(cluster: Cluster) -> list[Json]:
    return [each for each in migrations(cluster) if (each.get("status") or {}).get("phase")]


def _in(cluster: Cluster, phase: str) -> list[Json]:
    return [each for each in _begun(cluster) if each["status"]["phase"] == phase]
