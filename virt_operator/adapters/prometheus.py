"""Watches for a Prometheus operator: which of its kinds are there, where its Prometheus is, and what we gave it.

It may be installed long after us, or taken away, so it is looked for once a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from virt_operator.adapters.kinds import MONITORED
from virt_operator.plan.monitoring import Monitoring, Place, places
from virt_operator.plan.names import MANAGED_SELECTOR
from virt_runtime.errors import ApiError, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.process import together, when_synced
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CRDS, NAMESPACES, SERVICE_ACCOUNTS, Json, Resource
from virt_runtime.store import Store

LOG = logging.getLogger(__name__)
PERIOD = 60.0


class PrometheusWatch:
    """`found` is what is known; `stores` hold our own objects; `tell` is called when either changes."""

    def __init__(self, kube: KubeClient, runbooks: str, tell: Callable[[], None]) -> None:
        self._kube, self._tell = kube, tell
        self.found = Monitoring(runbooks=runbooks)
        self.stores = {kind: Store() for kind in MONITORED}
        self.looked = asyncio.Event()
        self._places: tuple[Place, ...] = places(None)
        self._again = asyncio.Event()

    def kubevirt_changed(self, kubevirt: Json | None) -> None:
        wanted = places(kubevirt)
        if wanted != self._places:
            self._places = wanted
            self._again.set()

    async def run(self) -> None:
        watching: asyncio.Task[None] | None = None
        try:
            while True:
                found = await self._look()
                if found.kinds != self.found.kinds:
                    await _stop(watching)
                    watching = await self._watch(found.kinds)
                if found != self.found:
                    self.found = found
                    self._tell()
                self.looked.set()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._again.wait(), PERIOD)
                self._again.clear()
        finally:
            await _stop(watching)

    async def _look(self) -> Monitoring:
        """What there is now; what was known before, while the API cannot tell."""
        try:
            there = [kind for kind, resource in MONITORED.items() if await self._exists(CRDS, None, str(resource))]
            place = await self._place() if there else None
        except ApiError as error:
            LOG.warning("cannot look for a Prometheus operator: %s", error)
            return self.found
        return Monitoring(
            kinds=frozenset(there),
            place=place.namespace if place else "",
            account=place.account if place else "",
            runbooks=self.found.runbooks,
        )

    async def _place(self) -> Place | None:
        for place in self._places:
            if place.account:
                there = await self._exists(SERVICE_ACCOUNTS, place.namespace, place.account)
            else:
                there = await self._exists(NAMESPACES, None, place.namespace)
            if there:
                return place
        return None

    async def _exists(self, resource: Resource, namespace: str | None, name: str) -> bool:
        try:
            await self._kube.get(resource, namespace, name)
        except NotFound:
            return False
        return True

    async def _watch(self, kinds: frozenset[str]) -> asyncio.Task[None]:
        """Watch our objects of these kinds; of others there are none."""
        for kind in MONITORED.keys() - kinds:
            for key in tuple(self.stores[kind].keys()):
                self.stores[kind].drop(key)
        reflectors = [
            Reflector(self._kube, MONITORED[kind], self.stores[kind], label_selector=MANAGED_SELECTOR)
            for kind in sorted(kinds)
        ]
        for reflector in reflectors:
            reflector.subscribe(lambda _old, _new: self._tell())
        watching = asyncio.create_task(together(*(reflector.run() for reflector in reflectors)))
        await when_synced(*(reflector.store.synced for reflector in reflectors))
        return watching


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
