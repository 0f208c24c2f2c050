"""The launcher's own decisions: when it presses, kills, gives memory back and ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from virt_launcher.plan.life import (
    EXIT_NO_DOMAIN,
    EXIT_STOPPED,
    KILL_MARGIN_SECONDS,
    MOVED_SECONDS,
    PRESS_AGAIN_SECONDS,
    PUT_AWAY_SECONDS,
    SEEN_BY_HANDLER_SECONDS,
    SETTLE_SECONDS,
    Action,
    Arrival,
    Life,
    Stage,
    step,
)

BORN = Life(started=100.0, domain_timeout=300.0, grace=45.0)
ALIVE = replace(BORN, stage=Stage.ALIVE, alive=110.0, trimmed=True)
ENDED = replace(ALIVE, stage=Stage.ENDED, ended=200.0)


@pytest.mark.parametrize(
    ("life", "now", "action", "code", "again_in"),
    [
        pytest.param(BORN, 100.0, Action.WAIT, 0, 300.0, id="waits for a domain"),
        pytest.param(BORN, 400.0, Action.EXIT, EXIT_NO_DOMAIN, None, id="nobody came"),
        pytest.param(replace(BORN, released=True), 101.0, Action.EXIT, 0, None, id="not wanted"),
        pytest.param(replace(BORN, stopped=101.0), 101.0, Action.EXIT, EXIT_STOPPED, None, id="stopped early"),
        pytest.param(
            replace(BORN, arrival=Arrival.UNDER_WAY), 9999.0, Action.WAIT, 0, None, id="a guest is on its way"
        ),
        pytest.param(
            replace(BORN, arrival=Arrival.UNDER_WAY, stopped=101.0),
            101.0,
            Action.EXIT,
            EXIT_STOPPED,
            None,
            id="stopped while a guest is on its way: it goes on where it is",
        ),
        pytest.param(
            replace(BORN, arrival=Arrival.COMPLETE, stopped=101.0),
            102.0,
            Action.WAIT,
            0,
            45.0 - KILL_MARGIN_SECONDS - 1,
            id="stopped with a whole guest that nobody has taken over yet",
        ),
        pytest.param(
            replace(BORN, arrival=Arrival.COMPLETE, stopped=101.0),
            146.0,
            Action.EXIT,
            EXIT_STOPPED,
            None,
            id="nobody took it over",
        ),
        pytest.param(replace(ALIVE, trimmed=False), 111.0, Action.WAIT, 0, SETTLE_SECONDS - 1, id="settles"),
        pytest.param(replace(ALIVE, trimmed=False), 120.0, Action.TRIM, 0, None, id="has settled"),
        pytest.param(ALIVE, 9999.0, Action.WAIT, 0, None, id="has nothing to do"),
        pytest.param(replace(ALIVE, stopped=150.0), 150.0, Action.PRESS, 0, None, id="stopped"),
        pytest.param(
            replace(ALIVE, stopped=150.0, pressed=150.0), 151.0, Action.WAIT, 0, PRESS_AGAIN_SECONDS - 1, id="pressed"
        ),
        pytest.param(replace(ALIVE, stopped=150.0, pressed=150.0), 155.0, Action.PRESS, 0, None, id="presses again"),
        pytest.param(
            replace(ALIVE, stopped=150.0, pressed=188.0), 189.0, Action.WAIT, 0, 1.0, id="the grace period is near"
        ),
        pytest.param(
            replace(ALIVE, stopped=150.0, pressed=188.0),
            150.0 + 45.0 - KILL_MARGIN_SECONDS,
            Action.KILL,
            0,
            None,
            id="the grace period is over",
        ),
        pytest.param(replace(ALIVE, stopped=150.0, grace=0.0), 150.0, Action.KILL, 0, None, id="no grace"),
        pytest.param(replace(ENDED, released=True), 200.0, Action.EXIT, 0, None, id="end seen"),
        pytest.param(ENDED, 205.0, Action.WAIT, 0, SEEN_BY_HANDLER_SECONDS - 5, id="end not seen yet"),
        pytest.param(ENDED, 215.0, Action.EXIT, 0, None, id="end never seen"),
        pytest.param(replace(ENDED, moved=True), 215.0, Action.WAIT, 0, MOVED_SECONDS - 15, id="moved, not seen yet"),
        pytest.param(replace(ENDED, moved=True, released=True), 201.0, Action.EXIT, 0, None, id="moved, seen"),
        pytest.param(
            replace(ENDED, moved=True, released=True, leaving=True),
            201.0,
            Action.WAIT,
            0,
            PUT_AWAY_SECONDS - 1,
            id="moved and seen before libvirt says so",
        ),
        pytest.param(
            replace(ENDED, moved=True, released=True, leaving=True),
            202.0,
            Action.EXIT,
            0,
            None,
            id="libvirt does not come to an end",
        ),
    ],
)
def test_table(life: Life, now: float, action: Action, code: int, again_in: float | None) -> None:
    todo = step(life, now)
    assert (todo.action, todo.code) == (action, code)
    assert todo.again_in == again_in


def play(life: Life, now: float, deadline: float, guest_obeys_after: int) -> tuple[float, int]:
    """Run the loop in virtual time: the guest ends at its n-th press, and at a kill. Returns when and how it ended."""
    presses = 0
    while now <= deadline:
        todo = step(life, now)
        changes: dict[str, Any] = {}
        match todo.action:
            case Action.EXIT:
                return now, todo.code
            case Action.TRIM:
                changes = {"trimmed": True}
            case Action.PRESS:
                presses += 1
                changes = {"pressed": now}
            case Action.KILL:
                changes = {"killed": True}
            case Action.WAIT:
                assert todo.again_in is not None and todo.again_in > 0
                now += todo.again_in
        if todo.action is Action.KILL or presses > guest_obeys_after:
            changes |= {"stage": Stage.ENDED, "ended": now}
            presses = -(1 << 30)
        life = replace(life, **changes)
    raise AssertionError("it never ends")


@given(st.floats(0, 1000), st.integers(0, 300))
def test_a_stopped_launcher_always_ends_in_time(grace: float, guest_obeys_after: int) -> None:
    life = replace(ALIVE, stopped=150.0, grace=grace)
    ended, code = play(life, 150.0, 10_000.0, guest_obeys_after)
    assert code == 0
    assert ended <= 150.0 + max(grace - KILL_MARGIN_SECONDS, 0) + SEEN_BY_HANDLER_SECONDS + 1e-6
