"""One migration under every order of events and faults, decided by the product's own code; errors seeded into it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from tests.worlds import migration_world
from tests.worlds.migration_world import Budget, World, begin, edges, forget_decisions, never_two, well_ended
from tests.worlds.search import Broken, Laws, Report, search, walk
from virt_handler.plan import migration_role, migration_source, migration_target, post_copy, status
from virt_handler.plan.migration_role import Role
from virt_handler.plan.patch import status_patch
from virt_handler.plan.steps import HandOver, Launcher, Observed, Plan, TakeOver
from virt_launcher.plan import departure
from virt_launcher.plan.ending import Ending
from virt_model import labels

WORLDS = {
    "nothing fails": Budget(),
    "agents die": Budget(agents=2),
    "a launcher dies": Budget(launchers=1, agents=1),
    "a guest dies": Budget(guests=1, agents=1),
    "the connection breaks": Budget(breaks=1, agents=1),
    "an abort": Budget(aborts=1, breaks=1),
    "both launchers die": Budget(launchers=2),
    "paused and unpaused": Budget(users=("pause", "unpause")),
    "paused, agents die": Budget(users=("pause",), agents=1),
    "paused, the connection breaks": Budget(users=("pause", "unpause"), breaks=1),
    "paused, an abort": Budget(users=("pause",), aborts=1),
    "an answer is lost": Budget(losses=1, agents=1),
    "a cut": Budget(cuts=1),
    "a cut, an agent dies": Budget(cuts=1, agents=1),
    "post-copy": Budget(switches=1),
    "post-copy, agents die": Budget(switches=1, agents=2),
    "post-copy, launchers die": Budget(switches=1, launchers=2),
    "post-copy, a launcher dies": Budget(switches=1, launchers=1),
    "post-copy, a guest dies": Budget(switches=1, guests=1),
    "post-copy, the connection breaks": Budget(switches=1, breaks=1, agents=1),
    "post-copy, an abort": Budget(switches=1, aborts=1, breaks=1),
    "post-copy, paused and unpaused": Budget(switches=1, users=("pause", "unpause")),
    "post-copy, paused, a break": Budget(switches=1, users=("pause",), breaks=1),
    "post-copy, an answer is lost": Budget(switches=1, losses=1, agents=1),
    "post-copy, a cut": Budget(switches=1, cuts=1),
    "post-copy, there and back": Budget(switches=1, moves=1),
    "there and back": Budget(moves=1),
    "there and back, an agent dies": Budget(moves=1, agents=1),
    "there and back, a launcher dies": Budget(moves=1, launchers=1),
    "there and back, a break": Budget(moves=1, breaks=1),
    "there and back, an abort": Budget(moves=1, aborts=1),
    "there and back, a cut": Budget(moves=1, cuts=1),
}
LARGE = {
    "post-copy, a launcher and an agent die": Budget(switches=1, launchers=1, agents=1),
    "post-copy, a guest and an agent die": Budget(switches=1, guests=1, agents=1),
    "post-copy, a cut, an agent dies": Budget(switches=1, cuts=1, agents=1),
    "post-copy, there and back, a launcher dies": Budget(switches=1, moves=1, launchers=1),
    "there and back, a break, an abort": Budget(moves=1, breaks=1, aborts=1),
}
"""Some seconds each: only when the long suite is asked for."""


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget_decisions()
    yield
    forget_decisions()


def explore(budget: Budget) -> Report:
    laws: Laws[World] = Laws(never_two, lambda wrote: None, well_ended)
    return search(begin(budget), edges, lambda world: world, laws, most=200_000)


@pytest.mark.parametrize("name", [*WORLDS, *(pytest.param(name, marks=pytest.mark.long) for name in LARGE)])
def test_one_runs_and_every_migration_ends(name: str) -> None:
    report = explore({**WORLDS, **LARGE}[name])
    assert report.at_rest > 0 and report.states > 100


def at_random(seed: int) -> int:
    """A life of many moves with everything that may go wrong, and how many steps it took."""
    chance = random.Random(seed)
    users = tuple(chance.choice(("pause", "unpause")) for _ in range(chance.randint(0, 3)))
    budget = Budget(
        agents=chance.randint(0, 4), launchers=chance.choice((0, 0, 1)), guests=chance.choice((0, 0, 1)),
        breaks=chance.randint(0, 3), aborts=chance.randint(0, 2), cuts=chance.randint(0, 3),
        losses=chance.randint(0, 3), moves=chance.randint(1, 5), users=users, switches=chance.randint(0, 3),
    )  # fmt: skip
    laws: Laws[World] = Laws(never_two, lambda wrote: None, well_ended)
    return walk(begin(budget), edges, laws, chance, most=5000)


@pytest.mark.parametrize("seeds", [range(each, each + 100) for each in range(0, 400, 100)], ids=str)
def test_long_lives(seeds: range) -> None:
    assert all(at_random(seed) > 5 for seed in seeds)


@pytest.mark.long
@pytest.mark.parametrize("seeds", [range(each, each + 500) for each in range(1000, 11_000, 500)], ids=str)
def test_ten_thousand_more(seeds: range) -> None:
    assert all(at_random(seed) > 5 for seed in seeds)


def _takes_at_once(vmi: Any, *rest: Any) -> Role:
    role = ROLE(vmi, *rest)
    return Role.TAKING if role is Role.TARGET else role


def _forgets_the_runner(vmi: Any, *rest: Any) -> Role:
    role = ROLE(vmi, *rest)
    return Role.RUNNER if role in (Role.LEFT, Role.TAKING) else role


def _hands_over_for_the_dead(seen: Observed) -> Plan | None:
    if seen.launcher is Launcher.DEAD and seen.vmi and migration_role.move_of(seen.vmi).received:  # type: ignore[union-attr]
        return Plan((HandOver(seen.vmi["status"]),))
    return SOURCE(seen)


def _hands_over_when_sent_on(seen: Observed) -> Plan | None:
    assert seen.vmi is not None
    move = migration_role.move_of(seen.vmi)
    return Plan((HandOver(seen.vmi["status"]),)) if move is not None and move.received else SOURCE(seen)


def _takes_what_failed(seen: Observed) -> Plan | None:
    failed = seen.domain is not None and seen.domain.migration is not None
    return Plan((TakeOver(paused=False),)) if failed else TAKE(seen)


def _starts_twice(seen: Observed) -> Plan | None:
    return None if seen.domain is not None and seen.domain.migration is None else SOURCE(seen)


def _never_fails(seen: Observed, *rest: Any, **more: Any) -> Plan:
    return Plan()


def _says_nothing_of_a_pause(vmi: Any, *rest: Any) -> Any:
    return vmi["status"]


def _believes_what_stands(listed: Any, domain: Any, now: str) -> Any:
    """As if nobody knew what the user wants."""
    return listed if domain.switching or domain.over else SHOWN(listed, domain, now)


def _hands_over_at_the_start(seen: Observed) -> Plan | None:
    """As if it were enough that the target could run."""
    domain = seen.domain
    standing = domain is not None and domain.reason == "migration" and domain.alive
    return Plan((HandOver(seen.vmi["status"]),)) if standing and seen.vmi else SOURCE(seen)


def _goes_on_after_the_switch(*, switched: bool) -> bool:
    return True


def _answers_whatever_was_handed_over(vmi: Any, job: str) -> Any:
    return status_patch(vmi, vmi["status"], annotations={labels.TARGET_ANSWERS: job})


SHOWN = status._paused_shown
ROLE, SOURCE, TAKE = migration_role.role_of, migration_source.plan, migration_target.take
# fmt: off
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "the target resumes before it is the runner": (migration_role, "role_of", _takes_at_once, "nothing fails"),
    "the runner is forgotten when roles are told": (migration_role, "role_of", _forgets_the_runner, "nothing fails"),
    "a dead source hands over": (migration_source, "plan", _hands_over_for_the_dead, "a launcher dies"),
    "the source hands over before it has ended": (migration_source, "plan", _hands_over_when_sent_on, "nothing fails"),
    "a copy that failed is taken": (migration_target, "take", _takes_what_failed, "nothing fails"),
    "the source never begins": (migration_source, "plan", _starts_twice, "nothing fails"),
    "an agent fails a guest of which it knows only what was": (
        migration_world, "runner_guard", lambda vmi: [], "nothing fails",
    ),
    "a pause is not handed over": (status, "handed_over", _says_nothing_of_a_pause, "paused and unpaused"),
    "a pause on the way is not known": (status, "_paused_shown", _believes_what_stands, "paused and unpaused"),
    "a pause is forgotten": (migration_target, "_paused_by_user", lambda seen: False, "paused and unpaused"),
    "a target that was never heard of is forgotten": (
        migration_role, "_is_targets", lambda vmi, pod: False, "there and back, an abort",
    ),
    "that a target answers is said after the hand-over": (
        migration_world, "announcement", _answers_whatever_was_handed_over, "there and back",
    ),
    "the end of a guest that has just come is not told": (
        migration_target, "lost", lambda seen: False, "a guest dies",
    ),
    "post-copy: the target resumes before it is the runner": (
        migration_role, "role_of", _takes_at_once, "post-copy",
    ),
    "post-copy: the source hands over before it knows that it cannot go on": (
        migration_source, "plan", _hands_over_at_the_start, "post-copy, the connection breaks",
    ),
    "post-copy: the source goes on after the switch": (
        departure, "goes_on", _goes_on_after_the_switch, "post-copy, the connection breaks",
    ),
    "post-copy: what is still needed is ended": (post_copy, "needed_here", lambda seen: False, "post-copy"),
    "post-copy: a break is taken for a migration that failed": (
        post_copy, "lost", lambda seen: "", "post-copy, the connection breaks",
    ),
    "post-copy: the end of what fetches its memory is not told": (
        migration_target, "lost", lambda seen: False, "post-copy, a guest dies",
    ),
    "a break is not told": (migration_source, "_failed", _never_fails, "the connection breaks"),
    "a target that died is not told": (migration_target, "_failed", _never_fails, "a launcher dies"),
    "a launcher takes QEMU's exit for a move": (Ending, "moved", property(lambda ending: ending.gone), "a guest dies"),
    "a launcher takes QEMU's exit by a signal for a move": (
        Ending, "moved", property(lambda ending: ending.gone and ending.told_to_go), "a guest dies",
    ),
    "a launcher does not wait for QEMU's exit": (
        Ending, "moved", property(lambda ending: ending.sent), "the connection breaks",
    ),
}
# fmt: on


@pytest.mark.parametrize("error", MUTANTS)
def test_error_is_caught(error: str) -> None:
    owner, name, wrong, world = MUTANTS[error]
    with patch.object(owner, name, wrong), pytest.raises(Broken):
        explore(WORLDS[world])
