"""A node's guests are started elsewhere only when they have ended: every order of events, and errors seeded into it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from tests.worlds import fencing_world
from tests.worlds.fencing_world import World, begin, edges, key, once
from tests.worlds.search import Broken, Laws, search
from virt_controller.plan import fencing
from virt_handler.plan import node_lease, witness
from virt_model import node_lease as model

WORLDS = {
    "one witness": begin(("a",), deaths=1, renewals=1),
    "two witnesses": begin(("a", "b"), deaths=1),
    "another witness": begin(("a",), ("b",), renewals=1),
    "three witnesses": begin(("a", "b", "c")),
}
LARGE = {
    "one witness, renewals": begin(("a",), deaths=2, renewals=2),
    "two witnesses, renewals": begin(("a", "b"), deaths=1, renewals=1),
    "another witness, and back": begin(("a",), ("b",), renewals=2),
}
LIVES = [
    begin(("a", "b", "c"), ("b", "c"), ("c",), deaths=4, renewals=8),
    begin(("a",), ("a", "b"), deaths=3, renewals=8),
]


def explore(start: World, most: int = 60_000) -> int:
    """The number of states in which the guest may be started elsewhere. Raises Broken."""
    fenced = 0

    def law(world: World) -> None:
        nonlocal fenced
        fenced += world.api.fenced
        once(world)

    laws: Laws[World] = Laws(law, lambda wrote: None, lambda world: None)
    search(start, edges, key, laws, most)
    return fenced


def live(start: World, chance: random.Random, steps: int = 150) -> bool:
    """One life at random; whether the guest might have been started elsewhere in it. Raises Broken."""
    world, way, fenced = start, [], False
    for _ in range(steps):
        edge = chance.choice(list(edges(world)))
        world = key(edge.state)
        way.append(edge.label)
        fenced = fenced or world.api.fenced
        try:
            once(world)
        except Broken as broken:
            raise Broken(f"{broken}\n  way: {' → '.join(way)}") from None
    return fenced


@pytest.mark.parametrize("name", WORLDS)
def test_a_guest_that_may_be_started_elsewhere_does_not_run_here(name: str) -> None:
    assert explore(WORLDS[name]) > 0, "nothing was proven: no node was ever called lost"


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_larger(name: str) -> None:
    assert explore(LARGE[name], most=2_000_000) > 0


@pytest.mark.parametrize("start", LIVES)
def test_random_lives(start: World) -> None:
    assert sum(live(start, random.Random(seed)) for seed in range(150)) > 0


@pytest.mark.long
@pytest.mark.parametrize("start", LIVES)
def test_ten_thousand_random_lives(start: World) -> None:
    assert sum(live(start, random.Random(seed), steps=250) for seed in range(5_000)) > 0


VOUCHED = ("the controller sees the lease", "asks a", "a is asked by the node", "hears a", "the watchdog is wound up")
"""What happens every second while the API does not answer, and a does."""


@pytest.mark.parametrize("roster", [("a",), ("a", "b")], ids=["two nodes", "three nodes, one of them away"])
def test_an_outage_of_the_api_alone_stops_no_guest(roster: tuple[str, ...]) -> None:
    """More than two leases without a renewal: a witness answers, the guest runs on, nobody can call the node lost."""
    with patch.multiple(fencing_world, SECONDS=4, LONG_AGO=-4):
        world = begin(roster)
        for label in (*VOUCHED, "a second") * 9:
            found = {edge.label: edge.state for edge in edges(world)}
            assert not {"a calls the node lost", "the term is declared over"} & set(found)
            world = key(found.get(label, world))
            assert world.runs
        for _ in range(4):  # the witness is not reached any more, either
            world = next(edge.state for edge in edges(world) if edge.label == "a second")
    assert not world.runs
    assert "a calls the node lost" in {edge.label for edge in edges(world)}


def test_what_two_nodes_cannot_have() -> None:
    """With the one witness the API is away: a node that is well ends its guest. Without it nobody is called lost."""
    world = begin(("a",))
    for _ in range(2):
        world = next(edge.state for edge in edges(world) if edge.label == "a second")
    assert not world.runs and world.agent is not None
    with patch.object(witness, "is_lost", lambda state, *asked: (state, False)):
        assert explore(WORLDS["one witness"]) == 0


LATE = """
    the agent dies, the agent begins anew, renews as 2 (a), a second, a renewal is taken, hears that it has renewed,
    renews as 3 (a), waits for its renewal no longer, the agent dies, the agent begins anew, a late renewal is taken,
"""
"""The present agent has read term 2, of two seconds; term 3, of one, came from the agent before it."""


@pytest.mark.parametrize("heeds", [True, False])
def test_what_an_agent_before_has_left_on_its_way_is_reckoned_with(heeds: bool) -> None:
    """The long search found that a new agent counted on the terms that it had read."""
    world = begin(("a",), deaths=2, renewals=2)
    vouched = "asks a, a is asked by the node, hears a, a guest is started, the controller sees the lease, a second,"
    course = [*LATE.split(","), *vouched.split(","), "a calls the node lost", "the term is declared over"]
    with contextlib.nullcontext() if heeds else patch.object(node_lease, "_counts", lambda hold: True):
        for label in filter(None, map(str.strip, course)):
            world = key({edge.label: edge.state for edge in edges(world)}.get(label, world))
    assert world.api.fenced or world.api.term == 3
    assert (world.api.fenced and world.runs) == (not heeds)


def _from_now(hold: Any, name: str, asked_at: float) -> Any:
    return ANSWERED(hold, name, 0.0)


def _renewed_from_now(hold: Any, lease: Any, asked_at: float) -> Any:
    return RENEWED(hold, lease, 0.0)


def _answers_whom_it_called_lost(state: Any, node: str, term: int, now: float) -> Any:
    return ASKED(replace(state, lost=()), node, term, now)


def _calls_lost_whom_it_hears(state: Any, node: str, term: int, seconds: float, now: float) -> Any:
    return IS_LOST(state, node, term, 0.0, now)


def _judges_at_once(silence: Any) -> Any:
    return JUDGE(replace(silence, silent_for=1e9))


ANSWERED, RENEWED, ASKED = node_lease.answered, node_lease.renewed, witness.asked
IS_LOST, JUDGE = witness.is_lost, fencing.judge
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "an answer counts from when it comes": (node_lease, "answered", _from_now, "one witness"),
    "a renewal counts from when it is answered": (node_lease, "renewed", _renewed_from_now, "one witness"),
    "guests run as long as everybody waits, and more": (
        node_lease,
        "lasts",
        lambda seconds: seconds + 1,
        "one witness",
    ),
    "a witness answers whom it called lost": (witness, "asked", _answers_whom_it_called_lost, "one witness"),
    "a witness calls lost whom it hears": (witness, "is_lost", _calls_lost_whom_it_hears, "one witness"),
    "a new agent has heard nobody": (
        witness,
        "silent_for",
        lambda *seen: SILENT_FOR(replace(seen[0], since=-9.0), *seen[1:]),
        "one witness",
    ),
    "a witness forgets whom it called lost": (
        fencing_world,
        "remembers",
        lambda state: witness.Witness(since=0.0),
        "one witness",
    ),
    "no witness need be reached": (node_lease, "reach_needed", lambda count: 1, "three witnesses"),
    "one witness is enough to call a node lost": (fencing, "lost_needed", lambda count: 1, "two witnesses"),
    "the lease's length is not waited for": (fencing, "judge", _judges_at_once, "one witness"),
    "what was asked for without an answer is forgotten": (
        node_lease,
        "attempted",
        lambda hold, lease: hold,
        "another witness",
    ),
}
SILENT_FOR = witness.silent_for


@pytest.mark.parametrize("error", MUTANTS)
def test_error_is_caught(error: str) -> None:
    owner, name, wrong, world = MUTANTS[error]
    with patch.object(owner, name, wrong), pytest.raises(Broken):
        explore(WORLDS[world], most=300_000)


def test_the_two_numbers_share_a_witness() -> None:
    for count in range(1, 20):
        assert model.reach_needed(count) + model.lost_needed(count) == count + 1
