"""The one loop of every controller: key -> observe, plan, perform -> again later, or retry after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from .errors import ApiError, Conflict
from .log import about
from .queue import WorkQueue
from .store import split_key

LOG = logging.getLogger(__name__)

#: looks at one key; gives the seconds until it must be looked at again, or None
Reconcile = Callable[[str], Awaitable[float | None]]


#: for log lines: what is known of the object that a key stands for, as `log.about` gives it
Identify = Callable[[str], dict[str, Any]]


def named(kind: str) -> Identify:
    """For keys of the form namespace/name."""

    def identify(key: str) -> dict[str, Any]:
        namespace, name = split_key(key)
        return about(kind=kind, namespace=namespace or "", name=name)

    return identify


class Loop:
    def __init__(self, name: str, queue: WorkQueue, reconcile: Reconcile, identify: Identify, workers: int = 1) -> None:
        self._name, self._queue, self._reconcile, self._workers = name, queue, reconcile, workers
        self._identify = identify

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
            LOG.debug("%s: changed meanwhile: %s", self._name, error, extra=self._identify(key))
        except (ApiError, OSError, TimeoutError) as error:
            wait = self._queue.retry(key)
            LOG.warning("%s: failed, again in %.2f s: %s", self._name, wait, error, extra=self._identify(key))
        except Exception:
            # A bug met by one object must not stop the others; it stays loud and is tried again.
            wait = self._queue.retry(key)
            LOG.exception("%s: raised, again in %.2f s", self._name, wait, extra=self._identify(key))
        else:
            self._queue.forget(key)
            if again_in is not None:
                self._queue.add_after(key, again_in)
