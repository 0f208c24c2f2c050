"""Keys waiting to be looked at: each at most once, never by two workers at a time.

A key added while it is being worked on is handed out again after `done`. Failures wait longer each time (`retry`)
until `forget`. Same rules as client-go's workqueue, on one asyncio loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

FIRST_WAIT = 0.02
LONGEST_WAIT = 30.0


class Meter(Protocol):
    """Is told what happens; see `queue_metrics`."""

    def added(self, key: str) -> None: ...
    def begun(self, key: str) -> None: ...
    def done(self, key: str) -> None: ...
    def retried(self) -> None: ...


class WorkQueue:
    def __init__(
        self, first_wait: float = FIRST_WAIT, longest_wait: float = LONGEST_WAIT, meter: Meter | None = None
    ) -> None:
        self._meter = meter
        self._first_wait, self._longest_wait = first_wait, longest_wait
        self._ready: deque[str] = deque()
        self._wanted: set[str] = set()
        self._working: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}
        self._signal = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._wanted)

    def add(self, key: str) -> None:
        """Look at `key` soon; a later `add_after` of the same key is not needed any more and is dropped."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._wanted:
            return
        self._wanted.add(key)
        if self._meter:
            self._meter.added(key)
        if key not in self._working:
            self._offer(key)

    def add_after(self, key: str, seconds: float) -> None:
        """Look at `key` in `seconds`; of several delays of one key the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        if timer := self._timers.get(key):
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    async def get(self) -> str:
        """The next key; the caller must call `done(key)`."""
        await self._signal.acquire()
        key = self._ready.popleft()
        self._wanted.discard(key)
        self._working.add(key)
        if self._meter:
            self._meter.begun(key)
        return key

    def done(self, key: str) -> None:
        self._working.discard(key)
        if self._meter:
            self._meter.done(key)
        if key in self._wanted:
            self._offer(key)

    def retry(self, key: str) -> float:
        """Add `key` after a wait that doubles with each failure; gives the wait in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._meter:
            self._meter.retried()
        wait = min(self._longest_wait, self._first_wait * 2.0 ** min(failures, 30))
        self.add_after(key, wait)
        return wait

    def forget(self, key: str) -> None:
        """`key` did well: its next failure waits the shortest time again."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        return self._failures.get(key, 0)

    def _offer(self, key: str) -> None:
        self._ready.append(key)
        self._signal.release()
