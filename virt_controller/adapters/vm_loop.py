"""The VM controller at work: which changes wake it, how it observes, whom it asks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from virt_controller.adapters.caches import Caches
from virt_controller.adapters.perform import Performer, drive
from virt_controller.plan import vm as planner
from virt_controller.plan.actions import Question
from virt_controller.plan.vm_world import VmWorld
from virt_model import names
from virt_model.seen import Vm, Vmi
from virt_runtime import resources
from virt_runtime.clock import Clock
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json, Resource
from virt_runtime.store import key_of, split_key

_REVISIONS_KEPT = 256


class VmController:
    """Keys are those of the VM, which are also its VMI's."""

    def __init__(self, kube: KubeClient, caches: Caches, perform: Performer, clock: Clock, queue: WorkQueue) -> None:
        self._kube, self._caches, self._perform, self._clock = kube, caches, perform, clock
        self._queue = queue
        self._revisions: OrderedDict[str, Json] = OrderedDict()
        caches.vms.subscribe(self._wake)
        caches.vmis.subscribe(self._wake)

    async def run(self, workers: int) -> None:
        await Loop("vm", self._queue, self.reconcile, named("VirtualMachine"), workers).run()

    def _wake(self, old: Json | None, new: Json | None) -> None:
        changed = new or old
        assert changed is not None
        self._queue.add(key_of(changed))

    async def reconcile(self, key: str) -> float | None:
        vm = self._caches.vm_echo.get(key)
        if vm is None:
            return None
        vmi = self._caches.vmi_echo.get(key)
        world = VmWorld(
            vm=Vm(vm),
            vmi=Vmi(vmi) if vmi is not None else None,
            config=self._caches.config(),
            now=self._clock.now().timestamp(),
        )
        return await drive(world, planner.plan, self._ask, self._perform)

    async def _ask(self, world: VmWorld, question: Question) -> VmWorld | None:
        if question is Question.REVISION:
            spec = await self._started_spec(world)
            return msgspec.structs.replace(world, started_spec=spec, started_spec_asked=True)
        namespace, name = world.vm.namespace, world.vm.name
        vm, vmi, revisions = await asyncio.gather(
            self._get(resources.VIRTUAL_MACHINES, namespace, name),
            self._get(resources.VIRTUAL_MACHINE_INSTANCES, namespace, name),
            self._start_revisions(world.vm),
        )
        if vm is None:
            return None
        return msgspec.structs.replace(
            world, vm=Vm(vm), vmi=Vmi(vmi) if vmi is not None else None, revisions=revisions, live=True
        )

    async def _get(self, resource: Resource, namespace: str, name: str) -> Json | None:
        try:
            return await self._kube.get(resource, namespace, name)
        except NotFound:
            return None

    async def _start_revisions(self, vm: Vm) -> tuple[str, ...]:
        """Names of the VM's start revisions. A VM of generation 1 that never had a VMI has none."""
        if vm.deleting or (vm.generation <= 1 and "runStrategy" not in vm.status):
            return ()
        prefix = names.start_revision_prefix(vm.uid)
        found = await self._kube.list(resources.CONTROLLER_REVISIONS, vm.namespace)
        return tuple(sorted(each["metadata"]["name"] for each in found if each["metadata"]["name"].startswith(prefix)))

    async def _started_spec(self, world: VmWorld) -> Json | None:
        """The VM's spec at the start of its VMI; revisions never change, so each is read once."""
        name = str(world.own.status.get("virtualMachineRevisionName") or "") if world.own else ""
        if not name:
            return None
        key = f"{world.vm.namespace}/{name}"
        if key not in self._revisions:
            found = await self._get(resources.CONTROLLER_REVISIONS, *_names(key))
            if found is None:
                return None
            self._revisions[key] = (found.get("data") or {}).get("spec") or {}
            while len(self._revisions) > _REVISIONS_KEPT:
                self._revisions.popitem(last=False)
        return self._revisions[key]


def _names(key: str) -> tuple[str, str]:
    namespace, name = split_key(key)
    return namespace or "", name
