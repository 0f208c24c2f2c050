"""What pairs of moves come to."""

from __future__ import annotations

import pytest

from bench.loads import Load
from bench.migrate import Round, goals
from bench.pair import Hop
from bench.ticks import Standstill


def one(received: float, sent: int = 1000, clock: float = 0.2) -> Round:
    """A move whose data takes from second 1 until then; the bare one's takes two."""
    steps = {"created": 0.0, "target's QEMU": 1.0, "received": received, "Succeeded": received + 1}
    bare = Hop(asked=10.0, stopped=11.5, resumed=12.0, downtime=0.4, sent=1000)
    return Round(steps, Standstill(clock, clock), 0.1, sent, bare, Standstill(0.1, 0.1), raw=2000.0, agents=0.5)


def test_data_flows_while_both_qemus_are_there() -> None:
    assert (one(3.0).data, one(3.0).rate, one(3.0).bare.data, one(3.0).bare.rate) == (2.0, 500.0, 2.0, 500.0)


def test_each_load_has_its_goals_and_the_middle_pair_counts() -> None:
    rounds = [one(3.0), one(3.5), one(9.0, clock=9.0)]
    busy = dict((what, value) for what, value, _ in goals(Load("x", "1Gi"), rounds))
    assert busy == {"data phase less 1.2 times bare, s": pytest.approx(0.1)}
    idle = dict((what, value) for what, value, _ in goals(Load("x", "1Gi", idle=True), rounds))
    assert (idle["downtime in times bare"], idle["Succeeded, s"]) == (2.0, 4.5)
    dense = dict((what, value) for what, value, _ in goals(Load("x", "1Gi", dense=True), rounds))
    assert dense["rate in parts of raw TCP"] == pytest.approx(0.2)
    assert dense["both agents' CPU for a GiB, s"] == pytest.approx(0.5 * 2**30 / 1000)
    shall = [
        {what: goal for what, _, goal in goals(Load("x", "1Gi", dense=True), rounds, tls=tls)} for tls in (True, False)
    ]
    assert [each["rate in parts of raw TCP"] for each in shall] == [">= 0.6", ">= 0.8"]
