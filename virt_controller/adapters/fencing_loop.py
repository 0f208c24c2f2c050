"""The fencing controller at work: listens for renewals of nodes' leases, asks the witnesses, declares terms over."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from virt_controller.adapters.caches import BY_NODE, Caches
from virt_controller.adapters.perform import Performer
from virt_controller.plan import fencing
from virt_controller.plan.actions import Event, Kind, Merge
from virt_controller.plan.fencing import Silence
from virt_model import labels, node_ends
from virt_model.node_lease import NodeLease, lease_name, read_lease, render_lease
from virt_model.seen import Seen, Vmi
from virt_runtime.clock import Clock, rfc3339_micro
from virt_runtime.errors import Conflict, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue
from virt_runtime.resources import LEASES, NODES, Json

LOG = logging.getLogger(__name__)


class Witnesses(Protocol):
    """See `adapters.witnesses`."""

    async def call_lost(self, lease: NodeLease) -> frozenset[str]: ...


class FencingController:
    """Keys are node names."""

    def __init__(
        self, kube: KubeClient, caches: Caches, perform: Performer, witnesses: Witnesses, clock: Clock,
        queue: WorkQueue, namespace: str,
    ) -> None:  # fmt: skip
        self._kube, self._caches, self._perform, self._witnesses = kube, caches, perform, witnesses
        self._clock, self._queue, self._namespace = clock, queue, namespace
        self._heard: dict[str, tuple[int, float]] = {}
        self._waits: dict[str, str] = {}
        self._tell: list[Callable[[str], None]] = []
        caches.leases.subscribe(self._lease_changed)
        caches.vmis.subscribe(self._vmi_changed)
        caches.nodes.subscribe(self._node_changed)

    def on_change(self, tell: Callable[[str], None]) -> None:
        """`tell` is called with the name of each node of which `waits_for` or `lease` says something else."""
        self._tell.append(tell)

    def waits_for(self, node: str) -> str:
        """What the guests of a silent node wait for, "" while it renews its lease."""
        return self._waits.get(node, "")

    def lease(self, node: str) -> NodeLease | None:
        """A node's lease, as the watch last showed it."""
        raw = self._caches.leases.store.get(f"{self._namespace}/{lease_name(node)}")
        return read_lease(raw) if raw is not None else None

    async def live_lease(self, node: str) -> NodeLease | None:
        """The same, as the API shows it now. Raises ApiError."""
        try:
            return read_lease(await self._kube.get(LEASES, self._namespace, lease_name(node)))
        except NotFound:
            return None

    async def run(self) -> None:
        await Loop("fencing", self._queue, self.reconcile, named("Node")).run()

    def _lease_changed(self, old: Json | None, new: Json | None) -> None:
        was, now = (read_lease(raw) if raw is not None else None for raw in (old, new))
        lease = now or was
        if lease is None:
            return
        if now is None:
            self._heard.pop(lease.node, None)
        elif self._heard.get(lease.node, (-1, 0.0))[0] != now.term:
            self._heard[lease.node] = (now.term, self._clock.monotonic())
        if (was is not None and was.fenced) != (now is not None and now.fenced):
            self._told(lease.node)
        self._queue.add(lease.node)

    def _vmi_changed(self, old: Json | None, new: Json | None) -> None:
        """A guest that has just begun to be guarded may be the first one of its node."""
        was, now = (raw is not None and fencing.on_node([raw]) > 0 for raw in (old, new))
        if new is not None and now and not was:
            self._queue.add(Vmi(new).node)

    def _node_changed(self, old: Json | None, new: Json | None) -> None:
        if new is None and old is not None:
            self._queue.add(Seen(old).name)

    async def reconcile(self, node: str) -> float | None:
        lease = self.lease(node)
        if lease is None:
            self._say(node, "")
            return None
        silence = Silence(
            lease=lease, silent_for=self._clock.monotonic() - self._heard[node][1],
            guests=fencing.on_node(self._caches.vmis.store.by_index(BY_NODE, node)),
            nodeless=self._caches.nodes.store.get(node) is None,
        )  # fmt: skip
        verdict = fencing.judge(silence)
        if verdict.ask:
            silence = replace(silence, lost=await self._witnesses.call_lost(lease))
            verdict = fencing.judge(silence)
        waits = fencing.waits_for(silence, self._clock.now().timestamp()) if fencing.is_silent(silence) else ""
        self._say(node, waits)
        if verdict.fence:
            await self._fence(silence)
        if verdict.remove:
            await self._remove(lease)
        return verdict.again_in

    async def _fence(self, silence: Silence) -> None:
        """First no new guest for that node, then its term is over. Raises Conflict where it was renewed meanwhile."""
        lease = silence.lease
        raw = self._caches.nodes.store.get(lease.node)
        if raw is not None and Seen(raw).labels.get(labels.SCHEDULABLE) != "false":
            text = f"Node {lease.node} is lost to the API and to the agents of {', '.join(sorted(silence.lost or ()))}"
            told = Event(about=raw, type="Warning", reason=node_ends.FENCED, message=text)
            body = {"metadata": {"uid": Seen(raw).uid, "labels": {labels.SCHEDULABLE: "false"}}}
            await self._perform(
                Merge(kind=Kind.NODE, namespace="", name=lease.node, body=body, why="lost", events=(told,))
            )
        over = render_lease(replace(lease, fenced=True), self._namespace, rfc3339_micro(self._clock.now()))
        try:
            await self._kube.replace(LEASES, self._namespace, lease_name(lease.node), over)
        except NotFound as error:
            raise Conflict(409, "Conflict", f"gone meanwhile: {error.message}") from error
        LOG.warning("node %s is lost in term %d of its lease: its guarded guests have ended", lease.node, lease.term)

    async def _remove(self, lease: NodeLease) -> None:
        """Nobody decides by it any more. Raises Conflict where it was renewed meanwhile."""
        try:
            await self._kube.get(NODES, None, lease.node)
        except NotFound:
            name = lease_name(lease.node)
            with contextlib.suppress(NotFound):
                await self._kube.delete(LEASES, self._namespace, name, resource_version=lease.version)
            LOG.info("the lease of node %s is removed: the node is", lease.node)

    def _say(self, node: str, waits: str) -> None:
        if waits != self._waits.get(node, ""):
            self._waits[node] = waits
            self._told(node)

    def _told(self, node: str) -> None:
        for tell in self._tell:
            tell(node)
