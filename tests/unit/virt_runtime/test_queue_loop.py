"""Queue and loop: each key once, never twice at a time, failures wait longer."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.fakes.waiting import until
from virt_runtime.errors import Conflict
from virt_runtime.loop import Loop, named
from virt_runtime.queue import WorkQueue


async def test_a_key_is_handed_out_once() -> None:
    queue = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert len(queue) == 0


async def test_a_key_added_during_work_comes_again_only_after_done() -> None:
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    second = asyncio.create_task(queue.get())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(second), 0.02)
    queue.done("a")
    assert await asyncio.wait_for(second, 1) == "a"


async def test_of_several_delays_the_earliest_counts_and_add_cancels_them() -> None:
    queue = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.001)
    queue.add_after("a", 60)
    assert await asyncio.wait_for(queue.get(), 1) == "a"
    queue.done("a")
    queue.add_after("b", 0.001)
    queue.add("b")
    assert await queue.get() == "b"
    queue.done("b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.02)


async def test_waits_double_until_forgotten() -> None:
    queue = WorkQueue(first_wait=1, longest_wait=5)
    assert [queue.retry("a") for _ in range(4)] == [1, 2, 4, 5]
    queue.forget("a")
    assert queue.retry("a") == 1


async def test_the_loop_retries_failures_and_returns_later() -> None:
    queue = WorkQueue(first_wait=0.001)
    outcomes = iter([Conflict(409, "Conflict", "stale"), OSError("net"), ValueError("bug"), 0.001, None])
    seen: list[str] = []

    async def reconcile(key: str) -> float | None:
        seen.append(key)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    task = asyncio.create_task(Loop("test", queue, reconcile, named("Thing"), workers=2).run())
    queue.add("a")
    await until(lambda: len(seen) == 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert queue.failures("a") == 0


async def test_workers_never_share_a_key() -> None:
    queue = WorkQueue()
    running: set[str] = set()
    done = 0

    async def reconcile(key: str) -> None:
        nonlocal done
        assert key not in running
        running.add(key)
        queue.add(key) if done < 50 else None
        await asyncio.sleep(0)
        running.discard(key)
        done += 1

    task = asyncio.create_task(Loop("test", queue, reconcile, named("Thing"), workers=8).run())
    for key in "abc":
        queue.add(key)
    await until(lambda: done >= 50)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
