"""The node controller at work: listens for heartbeats and knows which nodes are lost."""

from __future__ import annotations

from collections.abc import Callable

from virt_controller.adapters.caches import Caches
from virt_controller.adapters.perform import Performer, drive, nothing_to_ask
from virt_controller.plan import node as planner
from virt_controller.plan.node import NodeWorld
from virt_model import labels
from virt_model.seen import Seen
from virt_runtime.clock import Clock
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import Json


class NodeController:
    """Keys are node names."""

    def __init__(self, caches: Caches, perform: Performer, clock: Clock, queue: WorkQueue) -> None:
        self._caches, self._perform, self._clock = caches, perform, clock
        self._queue = queue
        self._heard: dict[str, tuple[str, float]] = {}
        self._lost: set[str] = set()
        self._tell: list[Callable[[str], None]] = []
        caches.nodes.subscribe(self._node_changed)

    def on_change(self, tell: Callable[[str], None]) -> None:
        """`tell` is called with the name of each node that is lost, is certainly off, or comes back."""
        self._tell.append(tell)

    def lost(self, name: str) -> bool:
        return name in self._lost

    def out(self, name: str) -> str:
        """Why nothing can run on a node any more, "" while something may."""
        raw = self._caches.nodes.store.get(name)
        return planner.out(Seen(raw) if raw is not None else None)

    async def run(self) -> None:
        await Loop("node", self._queue, self.reconcile, named("Node")).run()

    def _node_changed(self, old: Json | None, new: Json | None) -> None:
        name = str((new or old or {})["metadata"]["name"])
        if old is None or new is None or planner.out(Seen(old)) != planner.out(Seen(new)):
            self._told(name)
        if new is None:
            self._heard.pop(name, None)
            self._lost.discard(name)
            return
        beat = Seen(new).annotations.get(labels.HEARTBEAT, "")
        if self._heard.get(name, ("", 0.0))[0] != beat:
            self._heard[name] = (beat, self._clock.monotonic())
            self._queue.add(name)

    async def reconcile(self, key: str) -> float | None:
        raw = self._caches.nodes.store.get(key)
        if raw is None:
            return None
        _, since = self._heard.get(key, ("", self._clock.monotonic()))
        world = NodeWorld(node=Seen(raw), silent_for=self._clock.monotonic() - since)
        was, now = key in self._lost, planner.lost(world)
        if was != now:
            (self._lost.add if now else self._lost.discard)(key)
            self._told(key)
        return await drive(world, planner.plan, nothing_to_ask, self._perform)

    def _told(self, name: str) -> None:
        for tell in self._tell:
            tell(name)
