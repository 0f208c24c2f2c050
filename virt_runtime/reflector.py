"""Keeps a `Store` equal to one resource of the API: list once, then watch; never lists again while it can go on.

```
 list ──► watch from its version ──closed──► watch from the last version seen (bookmarks move it)
  ▲                │
  └────── Gone ────┘        any other failure: wait with jitter, then go on where we were
```
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from .errors import ApiError, Gone
from .kube import KubeClient
from .resources import Json, Resource
from .store import Store, key_of

LOG = logging.getLogger(__name__)
FIRST_WAIT = 0.2
LONGEST_WAIT = 15.0
WATCH_SECONDS = 300

#: old and new state; `old` is None for a new object, `new` is None for one that is gone
Subscriber = Callable[[Json | None, Json | None], None]


class Reflector:
    def __init__(
        self,
        kube: KubeClient,
        res: Resource,
        store: Store,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> None:
        self._kube, self._res, self.store = kube, res, store
        self._scope = (namespace, label_selector, field_selector)
        self._metadata_only = metadata_only
        self._subscribers: list[Subscriber] = []
        self._version = ""
        self._failures = 0

    def subscribe(self, fn: Subscriber) -> None:
        """`fn` is told of each change, after the store shows it; of what is already there, at once."""
        self._subscribers.append(fn)
        for obj in self.store.list():
            fn(None, obj)

    async def run(self) -> None:
        """Until cancelled. `store.synced` is set after the first list."""
        while True:
            try:
                if not self._version:
                    await self._relist()
                if not await self._follow():
                    await asyncio.sleep(FIRST_WAIT)
            except Gone:
                self._version = ""
                await asyncio.sleep(FIRST_WAIT * random.random())
            except ApiError as error:
                await self._back_off(error)

    async def _relist(self) -> None:
        listing = await self._kube.listing(self._res, *self._scope, metadata_only=self._metadata_only)
        self._failures = 0
        gone = self.store.keys() - {key_of(item) for item in listing.items}
        for item in listing.items:
            self._put(item)
        for key in gone:
            self._drop(key)
        self._version = listing.resource_version
        self.store.synced.set()

    async def _follow(self) -> bool:
        """One watch; False when it ended without a word, as a server does that is not ready yet."""
        heard = False
        seconds = random.randint(WATCH_SECONDS, 2 * WATCH_SECONDS)
        async for event in self._kube.watch(
            self._res,
            *self._scope,
            resource_version=self._version,
            timeout_seconds=seconds,
            metadata_only=self._metadata_only,
        ):
            self._failures, heard = 0, True
            if event.type in ("ADDED", "MODIFIED"):
                self._put(event.object)
            elif event.type == "DELETED":
                self._drop(key_of(event.object))
            self._version = event.object["metadata"]["resourceVersion"]
        return heard

    def _put(self, obj: Json) -> None:
        obj["metadata"].pop("managedFields", None)
        before = self.store.get(key_of(obj))
        if before is not None and before["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]:
            return
        self.store.put(obj)
        for tell in self._subscribers:
            tell(before, obj)

    def _drop(self, key: str) -> None:
        old = self.store.drop(key)
        if old is not None:
            for tell in self._subscribers:
                tell(old, None)

    async def _back_off(self, error: ApiError) -> None:
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self._failures) * random.uniform(0.5, 1.0)
        self._failures += 1
        LOG.warning("watch of %s interrupted, again in %.1f s: %s", self._res, wait, error)
        await asyncio.sleep(wait)
