"""How long a guest stood still, by what it printed."""

from __future__ import annotations

import pytest

from bench.ticks import PERIOD, Tick, read, standstill


def test_ticks_are_read_out_of_whatever_else_the_console_says() -> None:
    text = b"login: \r\ntick 1 10.05\r\nticking 2 3\r\ntick 2 10.10\r\ntick 3 10."
    ticks, rest = read(text, 50.0)
    assert ticks == [Tick(1, 10.05, 50.0), Tick(2, 10.10, 50.0)]
    more, rest = read(rest + b"15\r\n", 50.1)
    assert (more, rest) == ([Tick(3, 10.15, 50.1)], b"")


def heard(first: int, clock: float, behind: float, lates: list[float]) -> list[Tick]:
    """Ticks in order, each heard late by so much."""
    return [
        Tick(first + turn, clock + turn * PERIOD, clock + turn * PERIOD + behind + late)
        for turn, late in enumerate(lates)
    ]


def test_the_truest_tick_on_either_side_tells_how_long_the_clock_stood() -> None:
    before = heard(1, 10.0, 100.0, [0.03, 0.0, 0.02])
    after = heard(4, 10.15, 100.7, [0.2, 0.01, 0.0])
    still = standstill(before, after)
    assert still.clock == pytest.approx(0.7)
    assert still.silence == pytest.approx(0.7 + 0.2 - 0.02)


def test_what_was_long_before_or_comes_long_after_counts_for_nothing() -> None:
    before = [Tick(0, 1.0, 2.0), *heard(1, 10.0, 100.0, [0.0] * 20)]
    after = [*heard(21, 11.0, 101.0, [0.0] * 20), Tick(41, 12.0, 13.0)]
    assert standstill(before, after).clock == pytest.approx(1.0)


def test_a_guest_that_was_not_heard_or_lost_a_tick_is_no_figure() -> None:
    ticks = heard(1, 10.0, 100.0, [0.0])
    for before, after in ((ticks, []), ([], ticks), (ticks, heard(3, 10.1, 100.0, [0.0])), (ticks, ticks)):
        with pytest.raises(ValueError):
            standstill(before, after)
