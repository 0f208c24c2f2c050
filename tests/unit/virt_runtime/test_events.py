"""Events: written once, counted after, bounded, and never in the way of the work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from virt_runtime import events
from virt_runtime.events import EventRecorder

VM = {
    "kind": "VirtualMachine",
    "apiVersion": "kubevirt.io/v1",
    "metadata": {"name": "a", "namespace": "ns", "uid": "1", "resourceVersion": "5", "labels": {"x": "y"}},
}


class HeldClock:
    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed


@contextlib.asynccontextmanager
async def recording() -> AsyncIterator[tuple[FakeKube, EventRecorder, HeldClock]]:
    clock = HeldClock()
    async with fake_kube() as (fake, kube):
        recorder = EventRecorder(kube, "virtualmachine-controller", clock=clock)
        task = asyncio.create_task(recorder.run())
        try:
            yield fake, recorder, clock
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def written(fake: FakeKube) -> list[dict[str, Any]]:
    return [obj for (path, _, _), obj in fake.objects.items() if path == "api/v1/events"]


async def test_an_event_names_its_object_and_its_reporter() -> None:
    async with recording() as (fake, recorder, _):
        recorder.emit(VM, "Normal", "SuccessfulCreate", "created")
        await until(lambda: written(fake))
        (event,) = written(fake)
    assert event["metadata"]["namespace"] == "ns"
    assert event["involvedObject"] == {
        "kind": "VirtualMachine",
        "apiVersion": "kubevirt.io/v1",
        "name": "a",
        "namespace": "ns",
        "uid": "1",
        "resourceVersion": "5",
    }
    assert event["source"]["component"] == event["reportingComponent"] == "virtualmachine-controller"
    assert (event["count"], event["firstTimestamp"]) == (1, "2026-01-01T00:00:00Z")


async def test_repeats_are_counted() -> None:
    async with recording() as (fake, recorder, clock):
        for _ in range(3):
            recorder.emit(VM, "Warning", "Failed", "no")
            clock.passed += 1
        recorder.emit(VM, "Warning", "Failed", "another")
        await until(lambda: sorted(each["count"] for each in written(fake)) == [1, 3])
        repeated = next(each for each in written(fake) if each["count"] == 3)
    assert repeated["lastTimestamp"] == "2026-01-01T00:00:02Z"


async def test_an_expired_event_is_written_anew() -> None:
    async with recording() as (fake, recorder, _):
        recorder.emit(VM, "Normal", "Started", "s")
        await until(lambda: written(fake))
        fake.remove(f"/api/v1/namespaces/ns/events/{written(fake)[0]['metadata']['name']}")
        recorder.emit(VM, "Normal", "Started", "s")
        await until(lambda: written(fake))


async def test_a_flood_about_one_object_is_cut_and_others_are_not() -> None:
    async with recording() as (fake, recorder, clock):
        for number in range(100):
            recorder.emit(VM, "Normal", "Loop", f"{number}")
        recorder.emit({"kind": "Pod", "name": "p", "namespace": "ns", "uid": "2"}, "Normal", "Other", "o")
        await until(lambda: len(written(fake)) == 26)
        assert recorder.dropped == 75
        clock.passed += events.REFILL_SECONDS
        recorder.emit(VM, "Normal", "Loop", "later")
        await until(lambda: len(written(fake)) == 27)


async def test_a_failing_api_does_not_reach_the_caller() -> None:
    async with recording() as (fake, recorder, _):
        fake.refuse(403)
        recorder.emit(VM, "Normal", "A", "a")
        recorder.emit(VM, "Normal", "B", "b")
        await until(lambda: [each["reason"] for each in written(fake)] == ["B"])
        assert recorder.dropped == 1


async def test_what_is_queued_is_written_at_the_end() -> None:
    async with fake_kube() as (fake, kube):
        recorder = EventRecorder(kube, "x")
        for number in range(5):
            recorder.emit(VM, "Normal", "R", f"{number}")
        task = asyncio.create_task(recorder.run())
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert len(written(fake)) >= 4
