"""The replica set controller as it runs, on an API in memory."""

from __future__ import annotations

from typing import Any

from tests.fakes.waiting import until
from tests.unit.virt_controller.test_life_on_api import KUBEVIRT, TEMPLATE, VMIS, Cluster, running

Json = dict[str, Any]
REPLICASETS = f"{KUBEVIRT}/namespaces/n/virtualmachineinstancereplicasets"
SPEC: Json = {"selector": {"matchLabels": {"app": "a"}}, "template": TEMPLATE}


def _put(cluster: Cluster, **spec: Any) -> None:
    present = cluster.get("virtualmachineinstancereplicasets") or {"metadata": {"name": "a", "generation": 1}}
    cluster.api.put(REPLICASETS, {**present, "spec": {**SPEC, **spec}})


def _vmis(cluster: Cluster) -> list[Json]:
    found = [obj for (path, _, _), obj in cluster.api.objects.items() if path.endswith("/virtualmachineinstances")]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def _status(cluster: Cluster) -> Json:
    found: Json = (cluster.get("virtualmachineinstancereplicasets") or {}).get("status") or {}
    return found


async def test_more_than_one_pass_makes_are_made_and_counted_and_taken_away() -> None:
    async with running() as cluster:
        _put(cluster, replicas=20)
        await until(lambda: _status(cluster).get("replicas") == 20)
        assert len(_vmis(cluster)) == 20
        assert _status(cluster)["labelSelector"] == "app=a"
        _put(cluster, replicas=1)
        await until(lambda: _status(cluster).get("replicas") == 1)
        assert len(_vmis(cluster)) == 1


async def test_a_stray_is_adopted_in_place_of_a_new_one() -> None:
    async with running() as cluster:
        stray = {"metadata": {"name": "stray", "labels": {"app": "a"}}, "spec": TEMPLATE["spec"]}
        cluster.api.put(VMIS, {**stray, "status": {"phase": "Pending"}})
        await until(lambda: cluster.get("virtualmachineinstances", "stray"))
        _put(cluster, replicas=1)
        await until(lambda: _status(cluster).get("replicas") == 1)
        (only,) = _vmis(cluster)
        assert only["metadata"]["name"] == "stray"
        assert only["metadata"]["ownerReferences"][0]["kind"] == "VirtualMachineInstanceReplicaSet"


async def test_a_refusal_stands_in_the_status_until_it_is_lifted() -> None:
    async with running() as cluster:
        cluster.api.deny("/virtualmachineinstances", 403, "exceeded quota")
        _put(cluster, replicas=1)
        await until(lambda: [each["type"] for each in _status(cluster).get("conditions", ())] == ["ReplicaFailure"])
        cluster.api._denied.clear()
        await until(lambda: _status(cluster).get("replicas") == 1 and "conditions" not in _status(cluster))


async def test_events_come_from_the_replica_set_controller() -> None:
    async with running() as cluster:
        _put(cluster, replicas=1)

        def told() -> set[str]:
            events = (obj for (path, _, _), obj in cluster.api.objects.items() if path.endswith("/events"))
            return {each["source"]["component"] for each in events if each["reason"] == "SuccessfulCreate"}

        await until(lambda: "virtualmachinereplicaset-controller" in told())
