"""A guest's dirty rate: measured between two questions, told while it means something."""

from __future__ import annotations

from virt_launcher.plan.dirty_rate import FRESH, NAME, DirtyRate

UNDER_WAY = {"cpu.time": 7, "dirtyrate.calc_status": 1}
DONE = {**UNDER_WAY, "dirtyrate.calc_status": 2, NAME: 5}


def test_a_question_gets_what_was_measured_after_the_one_before() -> None:
    nothing = DirtyRate().after(UNDER_WAY)
    assert nothing.told(UNDER_WAY, 10.0) == {"cpu.time": 7} and nothing.due(10.0)
    asked = nothing.measuring(10.0)
    assert asked.after(DONE).told(DONE, 40.0) == {"cpu.time": 7, NAME: 5} and asked.after(DONE).due(40.0)


def test_who_asks_during_a_measurement_gets_the_last_one_and_begins_none() -> None:
    again = DirtyRate().measuring(10.0).after(DONE).measuring(40.0).after(UNDER_WAY)
    assert again.told(UNDER_WAY, 40.5)[NAME] == 5
    assert not again.due(40.5)


def test_what_was_measured_long_ago_is_not_told() -> None:
    known = DirtyRate().measuring(10.0).after(DONE)
    assert NAME in known.told(DONE, 10.0 + FRESH)
    assert NAME not in known.told(DONE, 10.1 + FRESH)
    assert known.after(DONE) == known, "what libvirt still knows is no new measurement"


def test_a_measurement_that_never_ends_does_not_prevent_others() -> None:
    lost = DirtyRate().measuring(10.0).after(UNDER_WAY)
    assert not lost.due(10.0 + FRESH) and lost.due(10.1 + FRESH)
