"""One leader at a time; takeover after death or release; loss is loud."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.fakes.kube import fake_kube
from tests.fakes.waiting import until
from virt_runtime.election import LeaderElector, LeadershipLost
from virt_runtime.kube import KubeClient
from virt_runtime.resources import LEASES

PATH = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"


def elector(kube: KubeClient, identity: str, *, duration: float = 0.3) -> LeaderElector:
    return LeaderElector(
        kube, "ns", "lock", identity, duration=duration, renew_every=0.05, give_up_after=0.2, look_every=0.02
    )


async def forever() -> None:
    await asyncio.Event().wait()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_one_leads_and_hands_over_when_it_stops() -> None:
    async with fake_kube() as (fake, kube):
        first, second = elector(kube, "one", duration=60), elector(kube, "two", duration=60)
        leading = asyncio.create_task(first.run(forever))
        await until(lambda: first.is_leader)
        waiting = asyncio.create_task(second.run(forever))
        gets = len(fake.requests)
        await until(lambda: len(fake.requests) > gets + 5)
        assert not second.is_leader
        await stop(leading)
        await until(lambda: second.is_leader)
        await stop(waiting)


async def test_a_silent_leader_is_replaced_and_those_who_wait_write_nothing() -> None:
    async with fake_kube() as (fake, kube):
        spec = {"holderIdentity": "dead", "leaseDurationSeconds": 0.2, "renewTime": "2000-01-01T00:00:00Z"}
        fake.put(PATH, {"metadata": {"name": "lock"}, "spec": spec})
        second = elector(kube, "two")
        task = asyncio.create_task(second.run(forever))
        await until(lambda: len(fake.requests) >= 2)
        assert fake.writes() == []
        await until(lambda: second.is_leader)
        lease = await kube.get(LEASES, "ns", "lock")
        assert lease["spec"]["leaseTransitions"] == 1
        await stop(task)


async def test_its_own_lease_is_taken_up_at_once() -> None:
    async with fake_kube() as (fake, kube):
        fake.put(PATH, {"metadata": {"name": "lock"}, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 600}})
        again = elector(kube, "me")
        task = asyncio.create_task(again.run(forever))
        await until(lambda: again.is_leader, 1)
        await stop(task)


async def test_a_stolen_lease_ends_the_work() -> None:
    async with fake_kube() as (fake, kube):
        leader = elector(kube, "one")
        ended = asyncio.Event()

        async def lead() -> None:
            try:
                await forever()
            finally:
                ended.set()

        task = asyncio.create_task(leader.run(lead))
        await until(lambda: leader.is_leader)
        fake.put(PATH, {"metadata": {"name": "lock"}, "spec": {"holderIdentity": "thief"}})
        with pytest.raises(LeadershipLost):
            await asyncio.wait_for(task, 60)
        assert ended.is_set()
        assert not leader.is_leader


async def test_a_leader_that_cannot_renew_gives_up_before_its_lease_ends() -> None:
    async with fake_kube() as (fake, kube):
        leader = elector(kube, "one")
        task = asyncio.create_task(leader.run(forever))
        await until(lambda: leader.is_leader)
        fake.refuse(500, times=10_000)
        with pytest.raises(LeadershipLost):
            await asyncio.wait_for(task, 60)


async def test_failing_work_is_reported() -> None:
    async with fake_kube() as (_, kube):

        async def lead() -> None:
            raise ValueError("broken")

        with pytest.raises(ValueError, match="broken"):
            await elector(kube, "one").run(lead)
