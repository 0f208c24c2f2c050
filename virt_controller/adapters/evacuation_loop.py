"""The evacuation controller at work: which changes wake it and what it observes."""

from __future__ import annotations

from virt_controller.adapters.caches import BY_NODE, BY_VMI, Caches
from virt_controller.adapters.perform import Performer, drive, nothing_to_ask
from virt_controller.plan import evacuation as planner
from virt_controller.plan.evacuation import EvacuationWorld
from virt_controller.plan.migration_world import Migration
from virt_controller.plan.pods import own
from virt_model.seen import Pod, Seen, Vmi
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json
from virt_runtime.store import key_of


class EvacuationController:
    """Keys are those of the VMI."""

    def __init__(self, caches: Caches, perform: Performer, queue: WorkQueue) -> None:
        self._caches, self._perform, self._queue = caches, perform, queue
        caches.vmis.subscribe(self._vmi_changed)
        caches.nodes.subscribe(self._node_changed)
        caches.pods.subscribe(self._pod_changed)
        caches.migrations.subscribe(self._migration_changed)

    async def run(self, workers: int) -> None:
        await Loop("evacuation", self._queue, self.reconcile, named("VirtualMachineInstance"), workers).run()

    def _vmi_changed(self, _old: Json | None, new: Json | None) -> None:
        if new is not None:
            self._queue.add(key_of(new))

    def _node_changed(self, _old: Json | None, new: Json | None) -> None:
        """Its heartbeats come here too, so a taint that the configuration names only later is soon seen."""
        if new is not None and planner.drained(Seen(new), self._caches.config()):
            for vmi in self._caches.vmis.store.by_index(BY_NODE, new["metadata"]["name"]):
                self._queue.add(key_of(vmi))

    def _pod_changed(self, old: Json | None, new: Json | None) -> None:
        pod = Pod(new or old or {})
        if (owner := pod.controller()) is not None:
            self._queue.add(f"{pod.namespace}/{owner['name']}")

    def _migration_changed(self, old: Json | None, new: Json | None) -> None:
        migration = Migration(new or old or {})
        if new is None or migration.step.final:
            self._queue.add(f"{migration.namespace}/{migration.vmi_name}")

    async def reconcile(self, key: str) -> float | None:
        raw = self._caches.vmi_echo.get(key)
        if raw is None:
            return None
        vmi = Vmi(raw)
        found, config = self._caches.nodes.store.get(vmi.node) if vmi.node else None, self._caches.config()
        node = Seen(found) if found is not None else None
        if not planner.shall_leave(vmi, node, config):
            return None  # so for nearly all, nearly always: nothing else is looked up
        migrations = self._migrations(vmi)
        world = EvacuationWorld(
            vmi=vmi,
            node=node,
            pods=own(vmi, self._caches.pod_echo.by_index(BY_VMI, vmi.uid)),
            migrations=migrations,
            nodes_of={each.uid: self._caches.node_of(each) for each in migrations},
            config=config,
        )
        return await drive(world, planner.plan, nothing_to_ask, self._perform)

    def _migrations(self, vmi: Vmi) -> tuple[Migration, ...]:
        """All that are seen, and the one that we may just have made for this VMI."""
        seen = self._caches.all_migrations()
        name = planner.next_name(vmi, tuple(each for each in seen if each.is_of(vmi)))
        made = self._caches.migration_echo.get(f"{vmi.namespace}/{name}")
        return seen if made is None else (*seen, Migration(made))
