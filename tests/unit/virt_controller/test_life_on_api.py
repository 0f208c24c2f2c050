"""The controllers as they run, on an API in memory: a VM from creation to nothing left, and our writes counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from virt_controller.main import Controllers
from virt_model import conditions, labels
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.node_lease import NodeLease
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import Metrics
from virt_runtime.resources import VIRTUAL_MACHINES

Json = dict[str, Any]
KUBEVIRT = "/apis/kubevirt.io/v1"
VMS, VMIS = f"{KUBEVIRT}/namespaces/n/virtualmachines", f"{KUBEVIRT}/namespaces/n/virtualmachineinstances"
PODS = "/api/v1/namespaces/n/pods"
TEMPLATE: Json = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {
        "domain": {
            "devices": {"interfaces": [{"name": "default", "masquerade": {}}]},
            "memory": {"guest": "128Mi"},
            "machine": {"type": "q35"},
            "firmware": {"uuid": "u"},
        },
        "networks": [{"name": "default", "pod": {}}],
        "volumes": [{"name": "root", "containerDisk": {"image": "disk:1"}}],
    },
}


def _vm(strategy: str = "Always") -> Json:
    return {"metadata": {"name": "a", "generation": 1}, "spec": {"runStrategy": strategy, "template": TEMPLATE}}


class Witnesses:
    """Agents of other nodes: these call every node lost that they are asked about."""

    def __init__(self, *lost: str) -> None:
        self.lost, self.asked = frozenset(lost), 0

    async def call_lost(self, lease: NodeLease) -> frozenset[str]:
        self.asked += 1
        return self.lost


def controllers_of(kube: KubeClient) -> Controllers:
    return Controllers(kube, "kubevirt", "launcher:1", Metrics(rows_of(Component.CONTROLLER)), Witnesses())


class Cluster:
    """The fake API with a kubelet and a handler that move by hand."""

    def __init__(self, api: FakeKube, kube: KubeClient) -> None:
        self.api, self.kube = api, kube

    def get(self, plural: str, name: str = "a") -> Json | None:
        found = [obj for (path, _, key), obj in self.api.objects.items() if path.endswith(f"/{plural}") and key == name]
        return found[0] if found else None

    @property
    def vm(self) -> Json | None:
        return self.get("virtualmachines")

    @property
    def vmi(self) -> Json | None:
        return self.get("virtualmachineinstances")

    @property
    def pod(self) -> Json | None:
        pods = [obj for (path, _, _), obj in self.api.objects.items() if path.endswith("/pods")]
        return pods[0] if pods else None

    def phase(self) -> str | None:
        return self.vmi["status"].get("phase") if self.vmi and "status" in self.vmi else None

    def shown(self) -> str | None:
        return self.vm.get("status", {}).get("printableStatus") if self.vm else None

    def ready(self) -> str:
        return conditions.status_of((self.vm or {}).get("status", {}).get("conditions", []), "Ready")

    def move_pod(self, status: Json | None = None, spec: Json | None = None) -> None:
        pod = self.pod
        assert pod is not None
        changed = {
            **pod,
            "spec": {**pod["spec"], **(spec or {})},
            "status": {**pod.get("status", {}), **(status or {})},
        }
        self.api.put(PODS, changed)

    def hold_pod(self) -> None:
        """From now on a deletion only marks the pod, as it does while a kubelet ends its containers."""
        pod = self.pod
        assert pod is not None
        self.api.put(PODS, {**pod, "metadata": {**pod["metadata"], "finalizers": ["kubelet"]}})

    def remove_pod(self) -> None:
        assert self.pod is not None
        self.api.remove(f"{PODS}/{self.pod['metadata']['name']}")

    def move_vmi(self, phase: str) -> None:
        vmi = self.vmi
        assert vmi is not None
        stamps = [*vmi["status"]["phaseTransitionTimestamps"], {"phase": phase, "phaseTransitionTimestamp": "x"}]
        status = {**vmi["status"], "phase": phase, "phaseTransitionTimestamps": stamps}
        self.api.put(VMIS, {**vmi, "status": status})

    async def to_running(self) -> None:
        """Through scheduler, kubelet and handler."""
        await until(lambda: self.phase() == "Scheduling")
        self.move_pod(spec={"nodeName": "node1"})
        await until(lambda: self.pod and self.pod["metadata"]["labels"].get(labels.NODE_NAME) == "node1")
        running = {"name": "compute", "state": {"running": {}}}
        gate = (self.pod or {})["status"]["conditions"]
        ready = {"type": "Ready", "status": "True"}
        self.move_pod({"phase": "Running", "containerStatuses": [running], "conditions": [*gate, ready]})
        await until(lambda: self.phase() == "Scheduled")
        self.move_vmi("Running")
        await until(lambda: self.shown() == "Running" and self.ready() == "True")

    def writes(self) -> Counter[str]:
        """Our writes but Events, as `METHOD plural[/subresource]`. One that came too late and was refused is none."""
        counted: Counter[str] = Counter()
        for method, path in (Counter(self.api.writes()) - Counter(self.api.refused)).elements():
            parts = path.strip("/").split("/")
            plural = parts[parts.index("namespaces") + 2]
            if plural != "events":
                counted[f"{method} {plural}" + ("/status" if parts[-1] == "status" else "")] += 1
        return counted


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Cluster]:
    async with fake_kube() as (api, kube):
        controllers = asyncio.ensure_future(controllers_of(kube).run())
        try:
            yield Cluster(api, kube)
        finally:
            controllers.cancel()
            await asyncio.wait({controllers})
            if not controllers.cancelled() and controllers.exception():
                raise AssertionError("the controllers died") from controllers.exception()


async def test_a_vm_lives_and_leaves_nothing_with_few_writes() -> None:
    async with running() as cluster:
        cluster.api.put(VMS, _vm())
        await cluster.to_running()
        cluster.hold_pod()
        await cluster.kube.delete(VIRTUAL_MACHINES, "n", "a")
        await until(lambda: cluster.pod and "deletionTimestamp" in cluster.pod["metadata"])
        await until(lambda: cluster.shown() == "Terminating" and cluster.ready() == "False")
        cluster.move_vmi("Succeeded")
        cluster.remove_pod()
        await until(lambda: cluster.vmi is None and cluster.vm is None)
        writes = cluster.writes()
    assert writes == {
        "PATCH virtualmachines": 2,  # finalizer on, finalizer off
        "PATCH virtualmachines/status": 6,  # the fake's objects are old: nothing is held back (see vm._overtaken)
        "POST controllerrevisions": 1,
        "POST virtualmachineinstances": 1,
        "POST pods": 1,
        "PATCH pods/status": 1,
        "PATCH virtualmachineinstances": 5,  # Scheduling, Scheduled, Ready, Ready no more, finalizers off
        "DELETE virtualmachineinstances": 1,
        "DELETE pods": 1,
        "DELETE virtualmachines": 1,  # the user's
    }


async def test_a_settled_cluster_is_not_written_to() -> None:
    async with running() as cluster:
        cluster.api.put(VMS, _vm())
        await cluster.to_running()
        before = cluster.writes()
        other = {"metadata": {"name": "b", "generation": 1}, "spec": {"runStrategy": "Halted", "template": TEMPLATE}}
        cluster.api.put(VMS, other)
        await until(lambda: (cluster.get("virtualmachines", "b") or {}).get("status", {}).get("printableStatus"))
        cluster.api.close_watches()
        vm = cluster.vm
        assert vm is not None
        cluster.api.put(VMS, {**vm, "metadata": {**vm["metadata"], "labels": {"touched": "yes"}}})
        cluster.api.remove(f"{VMS}/b")
        cluster.api.put(VMS, {**other, "metadata": {"name": "c", "generation": 1}})
        await until(lambda: (cluster.get("virtualmachines", "c") or {}).get("status", {}).get("printableStatus"))
        grown = cluster.writes() - before
    assert set(grown) <= {"PATCH virtualmachines", "PATCH virtualmachines/status"}
    assert sum(grown.values()) == 4, grown  # a finalizer and a status, for b and for c


async def test_a_pod_that_is_refused_is_told_and_tried_again() -> None:
    async with running() as cluster:
        cluster.api.deny("/pods", 403, "exceeded quota: small")
        cluster.api.put(VMS, _vm())
        await until(lambda: conditions.reason_of(_conditions(cluster.vmi), "Synchronized") == "FailedCreate")
        told = conditions.find(_conditions(cluster.vmi), "Synchronized") or {}
        assert "exceeded quota" in told["message"]
        await until(lambda: any(event["reason"] == "FailedCreate" for event in _events(cluster)))
        cluster.api._denied.clear()
        await until(lambda: cluster.phase() == "Scheduling")
        await until(lambda: conditions.find(_conditions(cluster.vmi), "Synchronized") is None)


async def test_a_vmi_of_anothers_is_not_touched() -> None:
    async with running() as cluster:
        owner = {"apiVersion": "v1", "kind": "Other", "name": "x", "uid": "other", "controller": True}
        body = {"metadata": {"name": "a", "ownerReferences": [owner]}, "spec": TEMPLATE["spec"]}
        cluster.api.put(VMIS, {**body, "status": {"phase": "WaitingForSync"}})
        cluster.api.put(VMS, _vm())
        await until(lambda: conditions.reason_of(_conditions(cluster.vm), "Failure") == "FailedCreate")
        told = conditions.find(_conditions(cluster.vm), "Failure") or {}
        assert "belongs to Other x" in told["message"]
        assert cluster.vmi is not None and "deletionTimestamp" not in cluster.vmi["metadata"]


async def test_a_new_leader_goes_on_where_the_old_one_died() -> None:
    """The API fails after each possible number of writes; then another process takes over."""
    for passed in range(6):
        async with fake_kube() as (api, kube):
            cluster = Cluster(api, kube)
            api.put(VMS, _vm())
            api.fail_after(passed)
            first = asyncio.ensure_future(controllers_of(kube).run())
            await until(lambda api=api: api.failing)
            first.cancel()
            await asyncio.wait({first})
            api.fail_after(None)
            second = asyncio.ensure_future(controllers_of(kube).run())
            await cluster.to_running()
            second.cancel()
            await asyncio.wait({second})
            assert cluster.writes()["POST pods"] <= 2


def _conditions(obj: Json | None) -> list[Json]:
    found: list[Json] = (obj or {}).get("status", {}).get("conditions", [])
    return found


def _events(cluster: Cluster) -> list[Json]:
    return [obj for (path, _, _), obj in cluster.api.objects.items() if path.endswith("/events")]
