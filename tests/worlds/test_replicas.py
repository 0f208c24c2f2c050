"""Small worlds of a replica set, explored whole; and seeded errors, each of which breaks one of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import pytest

from tests.worlds.replica_explore import SCENARIOS, Explorer
from tests.worlds.search import Broken
from virt_controller.plan import patch as patches
from virt_controller.plan import replicaset as planner
from virt_controller.plan import replicaset_world
from virt_controller.plan.replicaset_world import ReplicaSetWorld
from virt_model import names


@pytest.mark.parametrize("name", SCENARIOS)
def test_world_keeps_its_laws_and_comes_to_rest(name: str) -> None:
    report = Explorer().explore(name)
    assert report.at_rest > 0
    assert report.states > 30, "a world this small proves nothing"


def test_a_pass_that_is_cut_short_is_taken_up_again() -> None:
    with patch.object(planner, "BURST", 1):
        assert Explorer().explore("scaled down, two leaders").at_rest > 0


class Mutant(NamedTuple):
    error: str
    seed: Callable[[ExitStack], object]
    world: str


def _set(owner: Any, name: str, value: Any) -> Callable[[ExitStack], object]:
    return lambda stack: stack.enter_context(patch.object(owner, name, value))


def _fresh_names() -> Callable[[ExitStack], object]:
    counter = itertools.count()
    return _set(names, "replica_name", lambda base, uid, number: f"{base}{next(counter)}")


def _believing(name: str) -> Callable[[ExitStack], object]:
    """The plan takes what the cache says for the truth."""
    honest = getattr(planner, name)
    return _set(planner, name, lambda world: honest(msgspec.structs.replace(world, live=True)))


PLAN, PINNED, COUNT = planner.plan, patches.pinned, planner._count


def _busy(world: Any) -> Any:
    return COUNT(world) if world.done else None


MUTANTS = (
    Mutant("each look derives another name", _fresh_names(), "scaled up, two leaders"),
    Mutant("the cache is believed", _believing("plan"), "VMI deleted, stale"),
    Mutant("a deleted set is kept up", _set(planner.ReplicaSet, "deleting", False), "orphans"),
    Mutant("a paused set is kept up", _set(planner.ReplicaSet, "paused", False), "paused"),
    Mutant("ended VMIs lie about", _set(ReplicaSetWorld, "finished", ()), "guests end"),
    Mutant("ended VMIs count", _set(replicaset_world, "is_over", lambda vmi: False), "guests end"),
    Mutant(
        "VMIs that go count",
        _set(ReplicaSetWorld, "active", property(lambda world: world.own)),
        "scaled down, two leaders",
    ),
    Mutant("strays are left", _set(ReplicaSetWorld, "strays", ()), "stray"),
    Mutant("deserters are kept", _set(ReplicaSetWorld, "deserters", ()), "relabelled"),
    Mutant("patches name no version", _set(patches, "pinned", lambda old, new: PINNED(old, new)[1:]), "stray"),
    Mutant("what is surplus stays", _set(planner, "_delete", lambda world, vmi: None), "scaled, stale"),
    Mutant("only what was begun is finished", _set(planner, "_count", _busy), "scaled, stale"),
)


@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.error) for mutant in MUTANTS])
def test_mutant_is_caught(mutant: Mutant) -> None:
    with ExitStack() as stack:
        mutant.seed(stack)
        with pytest.raises(Broken):
            Explorer().explore(mutant.world)
