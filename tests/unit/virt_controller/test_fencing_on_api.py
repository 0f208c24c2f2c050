"""A node falls silent, as the controllers see it on an API in memory; its witnesses are played."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.fakes.kube import fake_kube
from tests.fakes.waiting import until
from tests.unit.virt_controller.test_life_on_api import VMIS, VMS, Cluster, Witnesses, _conditions, _events, _vm
from virt_controller.main import Controllers
from virt_model import conditions
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_model.node_lease import GUARDED, NodeLease, read_lease, render_lease
from virt_runtime.metrics import Metrics

Json = dict[str, Any]
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
LEASE = NodeLease(node="node1", term=4, seconds=1, witnesses=("node2", "node3"))


class Node(Cluster):
    """With a VM on a node that holds a lease."""

    def put_lease(self, lease: NodeLease = LEASE) -> None:
        self.api.put(LEASES, render_lease(lease, "kubevirt", "2026-01-01T00:00:00.000000Z"))

    @property
    def lease(self) -> NodeLease | None:
        return read_lease(self.api.objects[("apis/coordination.k8s.io/v1/leases", "kubevirt", "node-node1")])

    def guard(self, epoch: str = "1") -> None:
        vmi = self.vmi
        assert vmi is not None
        said = {**(vmi["metadata"].get("annotations") or {}), GUARDED: epoch}
        self.api.put(VMIS, {**vmi, "metadata": {**vmi["metadata"], "annotations": said}})

    def reason(self) -> str:
        return conditions.reason_of(_conditions(self.vmi), "NodeLost")


@contextlib.asynccontextmanager
async def node(witnesses: Witnesses) -> AsyncIterator[Node]:
    async with fake_kube() as (api, kube):
        api.put("/api/v1/nodes", {"metadata": {"name": "node1", "labels": {"kubevirt.io/schedulable": "true"}}})
        metrics = Metrics(rows_of(Component.CONTROLLER))
        controllers = asyncio.ensure_future(Controllers(kube, "kubevirt", "l:1", metrics, witnesses).run())
        cluster = Node(api, kube)
        try:
            api.put(VMS, _vm())
            await cluster.to_running()
            cluster.hold_pod()
            yield cluster
        finally:
            controllers.cancel()
            await asyncio.wait({controllers})


async def test_a_lost_nodes_guest_is_started_anew() -> None:
    async with node(Witnesses("node2", "node3")) as cluster:
        first = (cluster.vmi or {})["metadata"]["uid"]
        cluster.put_lease()
        cluster.guard()
        await until(lambda: cluster.lease is not None and cluster.lease.fenced)
        assert cluster.api.objects[("api/v1/nodes", None, "node1")]["metadata"]["labels"] == {
            "kubevirt.io/schedulable": "false"
        }, "nobody must be sent there again"
        await until(lambda: cluster.pod is not None and "deletionTimestamp" in cluster.pod["metadata"])
        told = {event["reason"]: event["message"] for event in _events(cluster)}
        assert told["NodeFenced"].startswith("Node node1 is lost")
        cluster.remove_pod()
        await until(lambda: cluster.vmi is not None and cluster.vmi["metadata"]["uid"] != first)


async def test_one_of_two_witnesses_is_not_enough_and_the_vmi_says_so() -> None:
    witnesses = Witnesses("node3")
    async with node(witnesses) as cluster:
        cluster.put_lease()
        cluster.guard()
        await until(lambda: witnesses.asked >= 2)
        await until(lambda: cluster.reason() == "LeaseSilent")
        waits = (conditions.find(_conditions(cluster.vmi), "NodeLost") or {})["message"]
        assert waits == (
            "Nobody hears of node node1. Its lease has run out; 2 of the agents of node2, node3 must call it lost,"
            " of which node3 did so far"
        )
        assert cluster.lease is not None and not cluster.lease.fenced and cluster.phase() == "Running"
        cluster.put_lease(replace(LEASE, term=5, seconds=600))
        await until(lambda: cluster.reason() == "")


@pytest.mark.parametrize("epoch", ["", "2"])
async def test_a_guest_without_a_watchdog_is_never_taken_for_ended(epoch: str) -> None:
    """Not even where its annotation speaks of another runner, and the term of its node is over."""
    witnesses = Witnesses("node2", "node3")
    async with node(witnesses) as cluster:
        if epoch:
            cluster.guard(epoch)
        cluster.put_lease(replace(LEASE, fenced=True))
        cluster.guard(epoch or "0")
        await until(lambda: cluster.get("leases", "node-node1") is not None)
        other = {**_vm("Halted"), "metadata": {"name": "b", "generation": 1}}
        cluster.api.put(VMS, other)
        await until(lambda: (cluster.get("virtualmachines", "b") or {}).get("status", {}).get("printableStatus"))
        assert cluster.phase() == "Running" and witnesses.asked == 0


async def test_the_lease_of_a_node_that_is_gone_goes_once_no_guest_needs_it() -> None:
    async with node(Witnesses()) as cluster:
        cluster.put_lease()
        cluster.guard()
        await until(lambda: cluster.reason() == "LeaseSilent")
        cluster.api.remove("/api/v1/nodes/node1")
        guarded = cluster.vmi
        assert guarded is not None
        key = ("apis/coordination.k8s.io/v1/leases", "kubevirt", "node-node1")
        assert key in cluster.api.objects, "its guest has not ended"
        cluster.api.put(VMIS, {**guarded, "status": {**guarded["status"], "phase": "Failed"}})
        await until(lambda: key not in cluster.api.objects)
