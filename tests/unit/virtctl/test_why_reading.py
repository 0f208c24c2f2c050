"""What `why` reads, on an API in memory: everything where it may, and the rest where it may not."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.kube import FakeKube, fake_kube
from tests.unit.virt_controller.objects import vm, vmi
from tests.unit.virtctl.cases import node, unplaced
from virt_runtime.errors import NotFound
from virtctl.main import main
from virtctl.plan.why.case import Link
from virtctl.plan.why.causes import answer
from virtctl.why_reading import read

N = "/api/v1/namespaces/n"
VMS = "/apis/kubevirt.io/v1/namespaces/n/virtualmachines"
LABELS = {"kubevirt.io/created-by": "vmi-uid", "kubevirt.io": "virt-launcher"}


def populate(api: FakeKube) -> None:
    """A VM whose launcher pod finds no node."""
    api.put(f"{VMS}/a", vm().raw)
    instance = vmi("Scheduling").raw
    instance["spec"] = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]}
    api.put("/apis/kubevirt.io/v1/namespaces/n/virtualmachineinstances/a", instance)
    pod = unplaced("2 Insufficient memory.", {"memory": "8Gi"}).raw
    pod["metadata"]["labels"] = LABELS
    api.put(f"{N}/pods/{pod['metadata']['name']}", pod)
    api.put("/api/v1/nodes/node1", node().raw)
    event = {"metadata": {"name": "e", "namespace": "n"}, "involvedObject": {"kind": "Pod", "name": "a"}, "reason": "R"}
    api.put(f"{N}/events/e", event)


async def test_all_that_belongs_to_a_vm() -> None:
    async with fake_kube() as (api, kube):
        populate(api)
        case = await read(kube, Link.VM, "n", "a", 1.0)
    assert case.vm is not None and case.vmi is not None and case.pod is not None
    assert case.nodes is not None and [each.name for each in case.nodes] == ["node1"]
    assert case.claims == {"data": None}
    assert [told.reason for told in case.events] == ["R"]
    assert case.unread == ()
    assert answer(case).name == "unschedulable"


async def test_the_vm_of_a_vmi_is_found() -> None:
    async with fake_kube() as (api, kube):
        populate(api)
        case = await read(kube, Link.VMI, "n", "a", 1.0)
    assert case.vm is not None and case.asked_for is Link.VMI


async def test_what_is_forbidden_is_named() -> None:
    async with fake_kube() as (api, kube):
        populate(api)
        api.hide("/nodes", "/events", "/persistentvolumeclaims/data", "/api/v1/pods")
        case = await read(kube, Link.VM, "n", "a", 1.0)
    assert case.unread == ("events", "nodes", "persistentvolumeclaims", "pods of other namespaces")
    assert case.claims == {}
    found = answer(case)
    assert found.name == "unschedulable"
    assert "you may not read events, nodes" in " ".join(found.notes)


async def test_no_such_vm() -> None:
    async with fake_kube() as (_, kube):
        with pytest.raises(NotFound):
            await read(kube, Link.VM, "n", "a", 1.0)


async def test_the_command_prints_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    async with fake_kube() as (api, kube):
        populate(api)
        words = ["--server", kube.server, "-n", "n", "why", "vm", "a"]
        code = await asyncio.to_thread(main, words)
        missing = await asyncio.to_thread(main, [*words[:-1], "b"])
        mistaken = await asyncio.to_thread(main, [*words[:-2], "pod", "b"])
    said = capsys.readouterr()
    assert (code, missing, mistaken) == (0, 1, 1)
    assert said.out.startswith("VirtualMachine n/a waits for a node with enough memory.\n\nVM      a ")
    not_found, not_known = said.err.splitlines()
    assert "not found" in not_found
    assert not_known == "unsupported resource kind pod: it is either vm or vmi"
