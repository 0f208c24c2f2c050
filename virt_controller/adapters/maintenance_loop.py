"""The maintenance controller at work: which changes wake it and what it observes."""

from __future__ import annotations

from virt_controller.adapters.caches import Caches
from virt_controller.adapters.perform import Performer, drive, nothing_to_ask
from virt_controller.plan import maintenance as planner
from virt_controller.plan.maintenance import MaintenanceWorld
from virt_controller.plan.migration_world import Migration
from virt_model.seen import Seen, Vmi
from virt_runtime.clock import Clock
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json
from virt_runtime.store import key_of


class MaintenanceController:
    """Keys are names of nodes."""

    def __init__(self, caches: Caches, perform: Performer, clock: Clock, queue: WorkQueue) -> None:
        self._caches, self._perform, self._clock, self._queue = caches, perform, clock, queue
        caches.maintenances.subscribe(self._changed)
        caches.nodes.subscribe(self._node_changed)
        caches.vmis.subscribe(self._guest_changed)
        caches.migrations.subscribe(self._migration_changed)

    async def run(self) -> None:
        await Loop("maintenance", self._queue, self.reconcile, named("Node")).run()

    def _changed(self, old: Json | None, new: Json | None) -> None:
        for asked in (old, new):
            if asked is not None:
                self._queue.add(_node_of(Seen(asked)))

    def _node_changed(self, _old: Json | None, new: Json | None) -> None:
        node = Seen(new or {})
        if any(planner.marked(taint) for taint in node.spec.get("taints") or ()) or self._asked(node.name):
            self._queue.add(node.name)

    def _guest_changed(self, _old: Json | None, _new: Json | None) -> None:
        """A report tells of guests that have left, too: so each one that is under way looks again."""
        for asked in self._caches.maintenances.store.list():
            self._queue.add(_node_of(Seen(asked)))

    def _migration_changed(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None or Migration(old).step is not Migration(new).step:
            self._guest_changed(old, new)

    def _asked(self, node: str) -> tuple[Seen, ...]:
        found = (self._caches.maintenance_echo.get(key_of(raw)) for raw in self._caches.maintenances.store.list())
        own = [Seen(raw) for raw in found if raw is not None and _node_of(Seen(raw)) == node]
        return tuple(sorted(own, key=lambda each: each.born))

    async def reconcile(self, key: str) -> float | None:
        caches = self._caches
        raw = caches.nodes.store.get(key)
        asked = self._asked(key)
        world = MaintenanceWorld(
            name=key,
            node=Seen(raw) if raw is not None else None,
            asked=asked,
            vmis=tuple(map(Vmi, caches.vmis.store.list())) if asked else (),
            migrations=caches.all_migrations() if asked else (),
            config=caches.config(),
            now=self._clock.now().timestamp(),
        )
        return await drive(world, planner.plan, nothing_to_ask, self._perform)


def _node_of(asked: Seen) -> str:
    return str(asked.spec.get("nodeName") or "")
