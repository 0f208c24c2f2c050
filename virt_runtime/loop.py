"""The one loop of every controller: key -> observe, plan, perform -> again later, or retry after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .errors import ApiError, Conflict
from .queue import WorkQueue

LOG = logging.getLogger(__name__)

#: looks at one key; gives the seconds until it must be looked at again, or None
Reconcile = Callable[[str], Awaitable[float | None]]


class Loop:
    def __init__(self, name: str, queue: WorkQueue, reconcile: Reconcile, workers: int = 1) -> None:
        self._name, self._queue, self._reconcile, self._workers = name, queue, reconcile, workers

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._once(key)
            finally:
                self._queue.done(key)

    async def _once(self, key: str) -> None:
        try:
            again_in = await self._reconcile(key)
        except Conflict as error:
            self._queue.retry(key)
            LOG.debug("%s: %s changed meanwhile: %s", self._name, key, error)
        except (ApiError, OSError, TimeoutError) as error:
            wait = self._queue.retry(key)
            LOG.warning("%s: %s failed, again in %.2f s: %s", self._name, key, wait, error)
        except Exception:
            # A bug met by one object must not stop the others; it stays loud and is tried again.
            wait = self._queue.retry(key)
            LOG.exception("%s: %s raised, again in %.2f s", self._name, key, wait)
        else:
            self._queue.forget(key)
            if again_in is not None:
                self._queue.add_after(key, again_in)
