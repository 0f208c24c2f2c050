"""The replica set controller at work: which changes wake it, how it observes, whom it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from api.label_selector import matches
from virt_controller.adapters.caches import BY_NAMESPACE, Caches
from virt_controller.adapters.perform import Performer, drive
from virt_controller.plan import replicaset as planner
from virt_controller.plan.actions import Question
from virt_controller.plan.replicaset_world import ReplicaSet, ReplicaSetWorld
from virt_model.seen import Vmi
from virt_runtime import resources
from virt_runtime.clock import Clock
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json
from virt_runtime.store import key_of

KIND = "VirtualMachineInstanceReplicaSet"


class ReplicaSetController:
    """Keys are those of the replica set."""

    def __init__(self, kube: KubeClient, caches: Caches, perform: Performer, clock: Clock, queue: WorkQueue) -> None:
        self._kube, self._caches, self._perform, self._clock = kube, caches, perform, clock
        self._queue = queue
        caches.replicasets.subscribe(self._changed)
        caches.vmis.subscribe(self._vmi_changed)

    async def run(self, workers: int) -> None:
        await Loop("replicaset", self._queue, self.reconcile, named(KIND), workers).run()

    def _changed(self, old: Json | None, new: Json | None) -> None:
        self._queue.add(key_of(new or old or {}))

    def _vmi_changed(self, old: Json | None, new: Json | None) -> None:
        """Wakes whose it was and whose it is; or, where it is nobody's, those that would choose it."""
        for raw in (old, new):
            if raw is None:
                continue
            vmi = Vmi(raw)
            owner = vmi.controller()
            if owner is not None and owner.get("kind") == KIND:
                self._queue.add(f"{vmi.namespace}/{owner['name']}")
            elif owner is None:
                for key in self._choosing(vmi):
                    self._queue.add(key)

    def _choosing(self, vmi: Vmi) -> Iterator[str]:
        for raw in self._caches.replicasets.store.by_index(BY_NAMESPACE, vmi.namespace):
            selector = ReplicaSet(raw).selector
            if selector is not None and matches(selector, vmi.labels):
                yield key_of(raw)

    async def reconcile(self, key: str) -> float | None:
        raw = self._caches.replicaset_echo.get(key)
        if raw is None:
            return None
        replicaset = ReplicaSet(raw)
        world = ReplicaSetWorld(
            replicaset=replicaset,
            vmis=_by_name(self._caches.vmi_echo.by_index(BY_NAMESPACE, replicaset.namespace)),
            now=self._clock.now().timestamp(),
        )
        return await drive(world, planner.plan, self._ask, self._perform)

    async def _ask(self, world: ReplicaSetWorld, question: Question) -> ReplicaSetWorld | None:
        assert question is Question.LIVE
        namespace, name = world.replicaset.namespace, world.replicaset.name
        try:
            raw, vmis = await asyncio.gather(
                self._kube.get(resources.VIRTUAL_MACHINE_INSTANCE_REPLICASETS, namespace, name),
                self._kube.list(resources.VIRTUAL_MACHINE_INSTANCES, namespace),
            )
        except NotFound:
            return None
        present = ReplicaSet(raw)
        if present.uid != world.replicaset.uid:
            return None  # a successor of the same name: its own event wakes us
        return msgspec.structs.replace(world, replicaset=present, vmis=_by_name(vmis), live=True)


def _by_name(vmis: list[Json]) -> tuple[Vmi, ...]:
    return tuple(sorted(map(Vmi, vmis), key=lambda vmi: vmi.name))
