"""Nodes that hear nothing of each other, or of the API, while a guest moves: it runs in one place, and all ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest

from tests.e2e.harness import cuts
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import Counting, counting, explained
from tests.e2e.harness.moments import SENDING, Move, slowly
from tests.e2e.harness.nodes import all_is_well
from tests.e2e.harness.waiting import holds, until

APART_TICKS = 30
"""The guest counts so far meanwhile, some ten seconds long: not what the agents take for a broken way."""
LONG_ENOUGH = {"bandwidthPerMigration": "3Mi", "completionTimeoutPerGiB": 600}
"""Data flows for half a minute or so."""


@pytest.fixture(scope="module")
def guest(cluster: Cluster) -> Iterator[Counting]:
    """One guest for all cuts."""
    with counting(cluster, "cut-moves") as found:
        yield found


def ended_well(guest: Counting, move: Move, phase: str, seconds: float = 180) -> Object:
    """The migration's state once it is over as it must be, the guest counts in one place, and nothing is left."""
    done = guest.over(move.name, seconds)["status"]
    assert done["phase"] == phase, done
    guest.counts_on_alone(move.uid)
    guest.nothing_left()
    state: Object = done["migrationState"]
    return state


def test_apart_before_the_start(cluster: Cluster, guest: Counting) -> None:
    with explained(guest):
        move = Move(guest, "Scheduling")
        with cuts.nodes_apart(cluster, move.source_node, move.target_node):
            state = ended_well(guest, move, "Failed")
        assert state["failureReason"].startswith("no connection to virt-handler of node"), state


@pytest.mark.long
def test_apart_for_a_while_as_data_flows(cluster: Cluster, guest: Counting) -> None:
    with explained(guest), slowly(guest, **LONG_ENOUGH):
        move = Move(guest, SENDING)
        with cuts.nodes_apart(cluster, move.source_node, move.target_node):
            counts_for(guest, move, APART_TICKS)
        ended_well(guest, move, "Succeeded")


@pytest.mark.long
@pytest.mark.parametrize("patience", [8, 600], ids=["given up meanwhile", "not given up"])
def test_apart_to_the_end_as_data_flows(cluster: Cluster, guest: Counting, patience: int) -> None:
    """The half-full copy at the other node goes too, before that node is heard again."""
    with explained(guest), slowly(guest, bandwidthPerMigration="1Mi", completionTimeoutPerGiB=patience):
        move = Move(guest, SENDING)
        with cuts.nodes_apart(cluster, move.source_node, move.target_node):
            state = ended_well(guest, move, "Failed", 60)
        reason = state["failureReason"]
        assert reason.startswith(f"virt-handler of {move.target_node} at ") and " said nothing for 20 s (" in reason


def counts_for(guest: Counting, move: Move, ticks: int) -> None:
    """The guest is not disturbed at its source."""
    pod = move.source["metadata"]["name"]
    before = guest.ticks(pod)[-1]
    until(f"the guest counts beyond {before + ticks}", lambda: guest.ticks(pod)[-1] > before + ticks, ticks, every=0.5)


def is_silent(guest: Counting, pod: str) -> bool:
    said = guest.console(pod)
    return said is not None and "tick" not in said


def without_api(cluster: Cluster, move: Move, side: str) -> AbstractContextManager[None]:
    return cuts.api_out_of_reach(cluster, move.source_node if side == "source" else move.target_node)


@pytest.mark.long
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_side_without_the_api_before_the_start(cluster: Cluster, guest: Counting, side: str) -> None:
    with explained(guest):
        move = Move(guest, "Scheduling")
        with without_api(cluster, move, side):
            counts_for(guest, move, APART_TICKS)
        ended_well(guest, move, "Succeeded")
        until("all is well again", lambda: all_is_well(cluster), 120)


@pytest.mark.long
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_side_without_the_api_at_the_hand_over(cluster: Cluster, guest: Counting, side: str) -> None:
    """The guest has ended at the source, and waits at the target until both know it."""
    with explained(guest), slowly(guest, **LONG_ENOUGH):
        move = Move(guest, SENDING)
        with without_api(cluster, move, side):
            until("the guest has left the source", lambda: not move.qemu_of_source(), 120)
            holds("it waits at the target", lambda: is_silent(guest, move.target), 5)
        ended_well(guest, move, "Succeeded")
        until("all is well again", lambda: all_is_well(cluster), 120)
