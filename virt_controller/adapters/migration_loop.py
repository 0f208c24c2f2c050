"""The migration controller at work: which changes wake it, how it observes, whom it asks."""

from __future__ import annotations

import asyncio

import msgspec

from virt_controller.adapters.caches import BY_NAME, BY_VMI, Caches
from virt_controller.adapters.perform import Performer, drive
from virt_controller.plan import migration as planner
from virt_controller.plan.actions import Question
from virt_controller.plan.migration_policy import Manner, Policy, manner_of
from virt_controller.plan.migration_world import Migration, MigrationWorld, Step
from virt_controller.plan.pods import own
from virt_model import labels
from virt_model.seen import Pod, Vmi
from virt_runtime import resources
from virt_runtime.clock import Clock
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json
from virt_runtime.store import key_of


class MigrationController:
    """Keys are those of the migration."""

    def __init__(
        self, kube: KubeClient, caches: Caches, perform: Performer, clock: Clock, queue: WorkQueue, launcher_image: str
    ) -> None:
        self._kube, self._caches, self._perform, self._clock = kube, caches, perform, clock
        self._queue, self._launcher_image = queue, launcher_image
        self._turn = asyncio.Lock()
        caches.migrations.subscribe(self._changed)
        caches.vmis.subscribe(self._vmi_changed)
        caches.pods.subscribe(self._pod_changed)

    async def run(self, workers: int) -> None:
        await Loop("migration", self._queue, self.reconcile, named("VirtualMachineInstanceMigration"), workers).run()

    def _changed(self, old: Json | None, new: Json | None) -> None:
        self._queue.add(key_of(new or old or {}))

    def _vmi_changed(self, old: Json | None, new: Json | None) -> None:
        self._wake(key_of(new or old or {}))

    def _pod_changed(self, old: Json | None, new: Json | None) -> None:
        owner = Pod(new or old or {}).controller()
        if owner is not None:
            self._wake(f"{Pod(new or old or {}).namespace}/{owner['name']}")

    def _wake(self, vmi_key: str) -> None:
        for migration in self._caches.migrations.store.by_index(BY_NAME, vmi_key):
            self._queue.add(key_of(migration))

    async def reconcile(self, key: str) -> float | None:
        raw = self._caches.migration_echo.get(key)
        if raw is None or Migration(raw).step not in (Step.NEW, Step.PENDING):
            return await self._reconcile(key)
        async with self._turn:  # who waits decides after the others, and sees which of them have begun
            return await self._reconcile(key)

    async def _reconcile(self, key: str) -> float | None:
        raw = self._caches.migration_echo.get(key)
        if raw is None:
            return None
        migration = Migration(raw)
        found = self._caches.vmi_echo.get(f"{migration.namespace}/{migration.vmi_name}")
        vmi = Vmi(found) if found is not None else None
        others = tuple(each for each in self._caches.all_migrations() if each.uid != migration.uid)
        world = MigrationWorld(
            migration=migration,
            vmi=vmi,
            pods=own(vmi, self._caches.pod_echo.by_index(BY_VMI, vmi.uid)) if vmi else (),
            others=others,
            nodes_of={other.uid: self._caches.node_of(other) for other in others},
            node_labels=self._labels_of(vmi.node) if vmi else {},
            config=self._caches.config(),
            launcher_image=self._launcher_image,
            now=self._clock.now().timestamp(),
        )
        return await drive(world, planner.plan, self._ask, self._perform)

    def _labels_of(self, node: str) -> dict[str, str]:
        raw = self._caches.nodes.store.get(node) or {}
        found: dict[str, str] = (raw.get("metadata") or {}).get("labels") or {}
        return found

    async def _ask(self, world: MigrationWorld, question: Question) -> MigrationWorld | None:
        if question is Question.MANNER:
            return None if world.vmi is None else msgspec.structs.replace(world, manner=await self._manner(world.vmi))
        assert question is Question.LIVE
        migration = world.migration
        present, (vmi, pods) = await asyncio.gather(self._live(migration), self._live_vmi(migration))
        if present is None or present.uid != migration.uid:
            return None  # a successor of the same name: its own event wakes us
        return msgspec.structs.replace(world, migration=present, vmi=vmi, pods=pods, live=True)

    async def _manner(self, vmi: Vmi) -> Manner:
        """Read when it is needed: policies are few, and migrations too."""
        policies = await self._kube.list(resources.MIGRATION_POLICIES)
        namespace = await self._kube.get(resources.NAMESPACES, None, vmi.namespace) if policies else {}
        of_namespace = (namespace.get("metadata") or {}).get("labels") or {}
        return manner_of(self._caches.config().migrations, map(Policy, policies), of_namespace, vmi.labels)

    async def _live(self, migration: Migration) -> Migration | None:
        kind = resources.VIRTUAL_MACHINE_INSTANCE_MIGRATIONS
        try:
            return Migration(await self._kube.get(kind, migration.namespace, migration.name))
        except NotFound:
            return None

    async def _live_vmi(self, migration: Migration) -> tuple[Vmi | None, tuple[Pod, ...]]:
        try:
            raw = await self._kube.get(resources.VIRTUAL_MACHINE_INSTANCES, migration.namespace, migration.vmi_name)
        except NotFound:
            return None, ()
        vmi = Vmi(raw)
        selector = f"{labels.CREATED_BY}={vmi.uid}"
        pods = await self._kube.list(resources.PODS, vmi.namespace, label_selector=selector)
        return vmi, own(vmi, pods)
