"""Whether QEMU's own words prove that its guest has moved."""

from __future__ import annotations

from functools import reduce
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_launcher.plan.ending import Ending, heard

Event = tuple[str, dict[str, Any]]
STOP: Event = ("STOP", {})
RESUME: Event = ("RESUME", {})
COMPLETED: Event = ("MIGRATION", {"status": "completed"})
ACTIVE: Event = ("MIGRATION", {"status": "active"})
FAILED: Event = ("MIGRATION", {"status": "failed"})
TERM: Event = ("SHUTDOWN", {"guest": False, "reason": "host-signal"})
POWERED_OFF: Event = ("SHUTDOWN", {"guest": True, "reason": "guest-shutdown"})
OTHER: Event = ("RTC_CHANGE", {"offset": 1})


def after(*events: Event, running: bool = True, gone: bool = True) -> Ending:
    last = reduce(lambda ending, event: heard(ending, *event), events, Ending(running=running))
    return msgspec.structs.replace(last, gone=gone)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param((ACTIVE, STOP, COMPLETED, TERM), id="as it goes"),
        pytest.param((ACTIVE, STOP, OTHER, COMPLETED, OTHER, TERM, OTHER), id="other events between"),
        pytest.param((STOP, COMPLETED, RESUME, ACTIVE, STOP, COMPLETED, TERM), id="the second attempt"),
    ],
)
def test_it_has_moved(events: tuple[Event, ...]) -> None:
    assert after(*events).moved
    assert not after(*events, gone=False).moved, "QEMU is still there"


def test_a_guest_that_stood_before_needs_no_stop() -> None:
    assert after(ACTIVE, COMPLETED, TERM, running=False).moved
    assert not after(ACTIVE, COMPLETED, TERM, running=True).moved


@pytest.mark.parametrize(
    "events",
    [
        pytest.param((ACTIVE, STOP, COMPLETED), id="it crashed, or was killed"),
        pytest.param((ACTIVE, STOP, TERM), id="before all was sent"),
        pytest.param((ACTIVE, STOP, COMPLETED, RESUME, TERM), id="it has run on since"),
        pytest.param((ACTIVE, STOP, COMPLETED, RESUME, STOP, TERM), id="it has run on, and stands again"),
        pytest.param((ACTIVE, STOP, COMPLETED, FAILED, TERM), id="it failed after all"),
        pytest.param((ACTIVE, STOP, COMPLETED, RESUME, POWERED_OFF), id="it ran on and was shut down by its user"),
        pytest.param((TERM,), id="nothing was heard but its end"),
    ],
)
def test_it_may_not_have_moved(events: tuple[Event, ...]) -> None:
    assert not after(*events).moved


@given(st.lists(st.sampled_from([STOP, RESUME, COMPLETED, ACTIVE, FAILED, TERM, POWERED_OFF, OTHER])))
def test_what_has_moved_has_never_run_since_it_was_complete(events: list[Event]) -> None:
    if after(*events).moved:
        assert RESUME not in events[max(at for at, event in enumerate(events) if event == COMPLETED) :]
