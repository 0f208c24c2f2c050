"""The lease of this node at work: renewed in the API, or kept by the word of other agents, as long as guests need it.

```
 a guest wants it ─► renew ── taken ──► wind up the guests' watchdogs ─► a third of the lease later, again
                       └── no answer ─► ask the witnesses ─► wind up, as far as they vouch ─► soon again
```
When to do what is in `plan.node_lease`. Times are CLOCK_BOOTTIME's, which also counts while the machine sleeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from virt_handler.plan import node_lease
from virt_handler.plan.node_lease import Hold, Terms
from virt_handler.plan.steps import Guard
from virt_model.config import ClusterConfig
from virt_model.node_lease import NodeLease, is_guarded, is_wanted, lease_name, read_lease, render_lease, witnesses_of
from virt_runtime.clock import Clock, rfc3339_micro
from virt_runtime.errors import ApiError, Conflict, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.process import together
from virt_runtime.resources import LEASES

LOG = logging.getLogger(__name__)
Json = dict[str, Any]
PATIENCE = 0.1
"""Share of the lease that the API, and then the witnesses, have to answer."""
AWAY_SECONDS = 300
"""How long the lease lasts that an agent takes before it ends: its successor's image may have to be pulled."""
FIRST_LOOK_SECONDS = LAST_WORD_SECONDS = 5.0


class Witnesses(Protocol):
    """See `adapters.peers`."""

    async def run(self) -> None: ...
    async def known(self) -> frozenset[str]: ...
    async def ask_all(self, nodes: tuple[str, ...], term: int, seconds: float) -> tuple[str, ...]: ...


class Guarded(Protocol):
    """The guests of this node that have a watchdog."""

    def any_guarded(self) -> bool: ...
    async def wind(self, until: float) -> None: ...


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LeaseKeeper:
    def __init__(
        self, kube: KubeClient, witnesses: Witnesses, config: Callable[[], ClusterConfig], clock: Clock, *, node: str,
        namespace: str,
    ) -> None:  # fmt: skip
        self._kube, self._witnesses, self._config, self._clock = kube, witnesses, config, clock
        self._node, self._namespace = node, namespace
        self._hold: Hold | None = None
        self._needed = asyncio.Event()
        self.returned = asyncio.Event()
        """Set when a lease is taken, also after one was declared over: no guest is sent here before that is told."""

    @property
    def until(self) -> float:
        """So long may this node's guests run."""
        return self._hold.until if self._hold is not None else node_lease.NEVER

    def guard_of(self, vmi: Json) -> Guard:
        """Whether a guest that starts is to be guarded, and may start now. Who asks for one has the lease taken.

        So has one that is guarded already, whatever is wished by now: its watchdog knows no mercy.
        """
        wanted = is_wanted(vmi, self._config().self_fencing)
        if wanted or is_guarded(vmi):
            self._needed.set()
        return Guard(wanted, wanted and self._hold is not None and node_lease.holds(self._hold, boottime()))

    async def run(self, guests: Guarded) -> None:
        """Until cancelled; the last word is a lease for the time until a successor is there."""
        with contextlib.suppress(TimeoutError, ApiError):  # then with the first renewal
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._look()
        if guests.any_guarded() or node_lease.promises_more(self._hold, self._config().lease_seconds):
            self._needed.set()
        await self._needed.wait()
        await together(self._witnesses.run(), self._keep(guests), self._catch_up(guests))

    async def _catch_up(self, guests: Guarded) -> None:
        """Launchers to which we were connected only now have watchdogs that an agent before us wound up."""
        while True:
            await asyncio.sleep(1.0)
            await guests.wind(self.until)

    async def _keep(self, guests: Guarded) -> None:
        try:
            while True:
                await self._needed.wait()
                self._needed.clear()
                seconds = self._config().lease_seconds
                kept = await self._extend(seconds)
                await guests.wind(self.until)
                # also without guests: it may have been declared over
                if guests.any_guarded() or not kept or node_lease.promises_more(self._hold, seconds):
                    self._needed.set()
                await asyncio.sleep(seconds / 3 if kept else 1.0)
        finally:
            if guests.any_guarded():
                with contextlib.suppress(TimeoutError, ApiError):
                    async with asyncio.timeout(LAST_WORD_SECONDS):
                        await self._renew(AWAY_SECONDS)
                        await guests.wind(self.until)

    async def _extend(self, seconds: int) -> bool:
        """Whether the API took a renewal. Otherwise the witnesses are asked."""
        try:
            async with asyncio.timeout(seconds * PATIENCE):
                await self._renew(seconds)
            return True
        except (ApiError, TimeoutError) as error:
            LOG.warning("this node's lease is not renewed: %s", str(error) or "the API does not answer in time")
        await self._ask_witnesses(seconds * PATIENCE)
        return False

    async def _renew(self, seconds: int) -> None:
        """Raises ApiError, and leaves in `_hold` what is known then."""
        hold = self._hold or await self._look()
        wanted = Terms(seconds, witnesses_of(self._node, await self._witnesses.known()))
        lease = node_lease.next_lease(hold, self._node, wanted, boottime())
        asked_at = boottime()
        self._hold = node_lease.attempted(hold, lease)
        try:
            answer = await self._write(lease)
        except (Conflict, NotFound):
            self._hold = node_lease.shown(self._hold, await self._present(), boottime())
            raise
        written = read_lease(answer)
        assert written is not None
        if self._hold.lease is None or self._hold.lease.fenced:
            LOG.info("this node has a lease of %d s; its witnesses: %s", written.seconds, ", ".join(written.witnesses))
            self.returned.set()
        self._hold = node_lease.renewed(self._hold, written, asked_at)

    async def _look(self) -> Hold:
        """What an agent before this one has promised, which nobody knows better. Raises ApiError."""
        self._hold = node_lease.found(await self._present(), boottime())
        return self._hold

    async def _write(self, lease: NodeLease) -> Json:
        body = render_lease(lease, self._namespace, rfc3339_micro(self._clock.now()))
        if not lease.version:
            return await self._kube.create(LEASES, self._namespace, body)
        return await self._kube.replace(LEASES, self._namespace, lease_name(self._node), body)

    async def _present(self) -> NodeLease | None:
        try:
            return read_lease(await self._kube.get(LEASES, self._namespace, lease_name(self._node)))
        except NotFound:
            return None

    async def _ask_witnesses(self, seconds: float) -> None:
        hold, asked_at = self._hold, boottime()
        if hold is None or hold.lease is None:
            return
        self._hold = node_lease.unwatched(hold, asked_at)
        for node in await self._witnesses.ask_all(node_lease.to_ask(hold), hold.lease.term, seconds):
            self._hold = node_lease.answered(self._hold, node, asked_at)
