"""The VMI controller at work: which changes wake it, how it observes, whom it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from virt_controller.adapters.caches import BY_CLAIM, BY_NODE, BY_VMI, Caches, claims_of
from virt_controller.adapters.fencing_loop import FencingController
from virt_controller.adapters.perform import Performer, drive
from virt_controller.plan import vmi as planner
from virt_controller.plan.actions import Question
from virt_controller.plan.fencing import is_fenced
from virt_controller.plan.node import out
from virt_controller.plan.pods import own
from virt_controller.plan.vmi_world import VmiWorld
from virt_model import labels, names
from virt_model.seen import Pod, Seen, Vmi
from virt_runtime import resources
from virt_runtime.clock import Clock
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json
from virt_runtime.store import key_of


class VmiController:
    """Keys are those of the VMI."""

    def __init__(
        self,
        kube: KubeClient,
        caches: Caches,
        perform: Performer,
        clock: Clock,
        queue: WorkQueue,
        launcher_image: str,
        node_lost: Callable[[str], bool],
        node_out: Callable[[str], str],
        fencing: FencingController,
    ) -> None:
        self._kube, self._caches, self._perform, self._clock = kube, caches, perform, clock
        self._launcher_image, self._node_lost, self._node_out = launcher_image, node_lost, node_out
        self._queue, self._fencing = queue, fencing
        caches.vmis.subscribe(self._vmi_changed)
        caches.pods.subscribe(self._pod_changed)
        caches.claims.subscribe(self._claim_changed)

    async def run(self, workers: int) -> None:
        await Loop("vmi", self._queue, self.reconcile, named("VirtualMachineInstance"), workers).run()

    def node_changed(self, name: str) -> None:
        """A node was lost, is certainly off or fenced, or has come back."""
        for vmi in self._caches.vmis.store.by_index(BY_NODE, name):
            self._queue.add(key_of(vmi))

    def _vmi_changed(self, old: Json | None, new: Json | None) -> None:
        self._queue.add(key_of(new or old or {}))

    def _pod_changed(self, old: Json | None, new: Json | None) -> None:
        pod = Pod(new or old or {})
        owner = pod.controller()
        if owner is not None:
            self._queue.add(f"{pod.namespace}/{owner['name']}")

    def _claim_changed(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None:
            for vmi in self._caches.vmis.store.by_index(BY_CLAIM, key_of(new or old or {})):
                self._queue.add(key_of(vmi))

    async def reconcile(self, key: str) -> float | None:
        raw = self._caches.vmi_echo.get(key)
        if raw is None:
            return None
        vmi = Vmi(raw)
        pods = self._caches.pod_echo.by_index(BY_VMI, vmi.uid, (_pod_key(vmi),))
        world = VmiWorld(
            vmi=vmi,
            pods=own(vmi, pods),
            vm_counts=self._vm_counts(vmi),
            node_lost=bool(vmi.node) and self._node_lost(vmi.node),
            node_out=self._node_out(vmi.node) if vmi.node else "",
            node_deleted=bool(vmi.node) and self._caches.nodes.store.get(vmi.node) is None,
            fenced=is_fenced(vmi, self._fencing.lease(vmi.node)),
            node_waits=self._fencing.waits_for(vmi.node),
            missing_claim=self._missing_claim(raw),
            config=self._caches.config(),
            launcher_image=self._launcher_image,
            now=self._clock.now().timestamp(),
        )
        return await drive(world, planner.plan, self._ask, self._perform)

    def _vm_counts(self, vmi: Vmi) -> bool:
        """Whether its VM lives and has yet to take note that this VMI never ran."""
        owner = vmi.controller()
        if vmi.ran or owner is None or owner.get("kind") != "VirtualMachine":
            return False
        vm = self._caches.vm_echo.get(f"{vmi.namespace}/{owner['name']}")
        return vm is not None and vm["metadata"]["uid"] == owner["uid"]

    def _missing_claim(self, raw: Json) -> str:
        missing = (claim for claim in claims_of(raw) if self._caches.claims.store.get(claim) is None)
        return next((claim.partition("/")[2] for claim in missing), "")

    async def _ask(self, world: VmiWorld, question: Question) -> VmiWorld | None:
        assert question is Question.LIVE
        vmi = world.vmi
        selector = f"{labels.CREATED_BY}={vmi.uid}"
        try:
            raw, pods = await asyncio.gather(
                self._kube.get(resources.VIRTUAL_MACHINE_INSTANCES, vmi.namespace, vmi.name),
                self._kube.list(resources.PODS, vmi.namespace, label_selector=selector),
            )
        except NotFound:
            return None
        present = Vmi(raw)
        if present.uid != vmi.uid:
            return None  # a successor of the same name: its own event wakes us
        fenced = world.fenced and is_fenced(present, await self._fencing.live_lease(present.node))
        seen = msgspec.structs.replace(world, vmi=present, pods=own(present, pods), fenced=fenced, live=True)
        if not world.node_out:
            return seen
        node = await self._node(present.node)
        return msgspec.structs.replace(seen, node_out=out(node), node_deleted=node is None)

    async def _node(self, name: str) -> Seen | None:
        """As the API shows it now."""
        try:
            return Seen(await self._kube.get(resources.NODES, None, name))
        except NotFound:
            return None


def _pod_key(vmi: Vmi) -> str:
    return f"{vmi.namespace}/{names.launcher_pod_name(vmi.name, vmi.uid)}"
