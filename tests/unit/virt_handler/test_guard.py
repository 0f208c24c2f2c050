"""A guest that is to be guarded runs only behind its watchdog, and the lease is kept as its rules say."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from tests.unit.virt_handler.test_guest_plan import seen, vmi
from virt_handler.adapters import lease_keeper
from virt_handler.adapters.lease_keeper import LeaseKeeper, boottime
from virt_handler.plan import node_lease
from virt_handler.plan.domain import Domain
from virt_handler.plan.guest import plan
from virt_handler.plan.node_lease import Hold, Terms
from virt_handler.plan.steps import Guard, Sync, Wind, WriteStatus
from virt_model import node_lease as model
from virt_model.config import ClusterConfig
from virt_model.node_lease import GUARDED, NodeLease, read_lease, render_lease
from virt_runtime.clock import RealClock
from virt_runtime.kube import KubeClient

Json = dict[str, Any]
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kubevirt/leases"
LEASE = NodeLease(node="n1", term=3, seconds=30, witnesses=("n2",), version="7")


@pytest.mark.parametrize(
    ("guard", "domain", "does"),
    [
        (Guard(), Domain(), Sync),
        (Guard(wanted=True, holds=True), Domain(), Wind),
        (Guard(wanted=True, holds=True), Domain(guarded=True), Sync),
        (Guard(wanted=True), Domain(guarded=True), Sync),  # if its time is over the watchdog says so
        (Guard(wanted=True), Domain(), WriteStatus),
    ],
)
def test_the_watchdog_comes_first(guard: Guard, domain: Domain, does: type[Any]) -> None:
    actions = plan(seen(domain=domain, guard=guard)).actions
    assert isinstance(actions[0], does)
    assert isinstance(actions[0], Sync) or not any(isinstance(action, Sync) for action in actions)


@pytest.mark.parametrize(
    ("said", "guarded", "annotation"), [("1", True, None), (None, True, "1"), ("1", False, None), (None, False, None)]
)
def test_the_vmi_says_what_the_launcher_says(said: str | None, guarded: bool, annotation: str | None) -> None:
    running = vmi("Running")
    if said:
        running["metadata"]["annotations"] = {GUARDED: said}
    written = [each for each in plan(seen(vmi=running, domain=Domain(status="running", guarded=guarded))).actions
               if isinstance(each, WriteStatus)]  # fmt: skip
    changes = {} if guarded == bool(said) else {GUARDED: annotation}
    assert not written or dict(written[0].annotations) == changes


def test_a_lease_gets_shorter_only_as_fast_as_what_it_promised() -> None:
    hold = node_lease.renewed(Hold(lease=LEASE), msgspec.structs.replace(LEASE, seconds=300), 0.0)
    for now in range(0, 400, 10):
        lease = node_lease.next_lease(hold, "n1", Terms(30), now)
        assert now + lease.seconds >= hold.until, "others would wait for less than the guests were promised"
        hold = node_lease.renewed(hold, lease, now)
    assert lease.seconds <= 40


def test_an_agent_before_this_one_may_say_its_last_word_after_this_one_has_looked() -> None:
    """Both run for a moment where a pod is deleted by force."""
    hold = node_lease.found(LEASE, 0.0)
    hold = node_lease.shown(hold, msgspec.structs.replace(LEASE, seconds=300, term=4, version="8"), 2.0)
    assert node_lease.next_lease(hold, "n1", Terms(30), 100.0).seconds >= 202, "its watchdogs run on for so long"
    ours = node_lease.renewed(node_lease.found(LEASE, 0.0), LEASE, 1.0)
    again = node_lease.shown(ours, msgspec.structs.replace(LEASE, version="8", fenced=True), 40.0)
    assert node_lease.next_lease(again, "n1", Terms(30), 41.0).seconds == 30, "what we have promised is over"


def test_the_watchers_are_the_next_in_order() -> None:
    nodes = frozenset(f"n{i}" for i in range(10, 30))
    assert model.witnesses_of("n28", nodes) == ("n10", "n11", "n12", "n13", "n14", "n15", "n29")
    assert model.witnesses_of("n10", frozenset({"n10"})) == ()


def test_a_lease_reads_as_it_was_written() -> None:
    for lease in (LEASE, msgspec.structs.replace(LEASE, fenced=True, node="n" * 250, version="")):
        assert read_lease(render_lease(lease, "kubevirt", "now")) == lease
    stranger = render_lease(LEASE, "kubevirt", "now")
    stranger["metadata"]["name"] = "node-n2"
    assert read_lease(stranger) is None, "it is not that node's own"


class Others:
    """Agents of other nodes: some answer."""

    def __init__(self, *answer: str) -> None:
        self.answer = answer

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def known(self) -> frozenset[str]:
        return frozenset({"n1", "n2", "n3"})

    async def ask_all(self, nodes: tuple[str, ...], term: int, seconds: float) -> tuple[str, ...]:
        return tuple(node for node in nodes if node in self.answer)


class Guests:
    """One with a watchdog, if they are connected."""

    def __init__(self, guarded: bool = True) -> None:
        self.guarded, self.wound = guarded, 0.0

    def any_guarded(self) -> bool:
        return self.guarded

    async def wind(self, until: float) -> None:
        self.wound = max(self.wound, until)


def keeper(kube: KubeClient, others: Others) -> LeaseKeeper:
    config = ClusterConfig(lease_seconds=10)
    return LeaseKeeper(kube, others, lambda: config, RealClock(), node="n1", namespace="kubevirt")


async def test_a_guest_that_is_guarded_has_the_lease_renewed_whatever_is_wished_by_now() -> None:
    """By an agent that has just begun, and is not connected to any launcher yet."""
    async with fake_kube() as (api, kube):
        guests, lease = Guests(guarded=False), keeper(kube, Others())
        task = asyncio.create_task(lease.run(guests))
        try:
            guarded = {"metadata": {"annotations": {GUARDED: "1", model.WANTED: "false"}}}
            assert lease.guard_of(guarded) == Guard()
            await until(lambda: NAME in api.objects)
        finally:
            task.cancel()
            await asyncio.wait({task})


NAME = ("apis/coordination.k8s.io/v1/leases", "kubevirt", "node-n1")


def held(api: FakeKube) -> NodeLease:
    lease = read_lease(api.objects[NAME])
    assert lease is not None
    return lease


async def test_a_long_lease_of_an_agent_before_is_made_short_though_no_guest_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else each agent after it would count on it anew, and a guest of theirs would wait so long for its restart."""
    passed = 0.0
    monkeypatch.setattr(lease_keeper, "boottime", lambda: boottime() + passed)
    async with fake_kube() as (api, kube):
        long = msgspec.structs.replace(LEASE, seconds=300, version="")
        api.put(f"{LEASES}/node-n1", render_lease(long, "kubevirt", "now"))
        task = asyncio.create_task(keeper(kube, Others()).run(Guests(guarded=False)))
        try:
            await until(lambda: held(api).term > long.term)
            assert held(api).seconds >= 300, "watchdogs that nobody has seen yet may be wound up as far as that"
            passed = 330.0
            await until(lambda: held(api).seconds == 10, 20)
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.mark.parametrize("answers", [("n3",), ()])
async def test_without_the_api_the_guests_run_as_long_as_others_vouch_for_them(answers: tuple[str, ...]) -> None:
    async with fake_kube() as (api, kube):
        guests, lease = Guests(), keeper(kube, Others(*answers))
        task = asyncio.create_task(lease.run(guests))
        try:
            await until(lambda: guests.wound > 0)
            assert lease.guard_of({"metadata": {"annotations": {model.WANTED: "true"}}}) == Guard(True, True)
            first, asked = guests.wound, boottime()
            api.deny("node-n1", 503, "an outage")
            await until(lambda: boottime() > asked + 4.5, 20)
            assert (guests.wound > first) == bool(answers)
            api.allow("node-n1")
            before = held(api).term
            await until(lambda: held(api).term > before and guests.wound > first, 20)
        finally:
            task.cancel()
            await asyncio.wait({task})
