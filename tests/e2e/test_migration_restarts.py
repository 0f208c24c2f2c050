"""What a cluster is made of dies while a guest moves: the guest is not disturbed, and the migration ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests.e2e.harness import processes
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.counting import Counting, counting, explained
from tests.e2e.harness.moments import MOMENTS, SENDING, Move, slowly
from tests.e2e.harness.nodes import all_is_well
from tests.e2e.harness.waiting import until

SIDES = ("source", "target")
CASES = [
    *(
        ("kube-apiserver", "node1"),
        ("etcd", "node1"),
        ("kube-controller-manager", "node1"),
        ("kube-scheduler", "node1"),
    ),
    *((program, side) for program in ("kubelet", "containerd", "kube-proxy") for side in SIDES),
]


@pytest.fixture(scope="module")
def guest(cluster: Cluster) -> Iterator[Counting]:
    """One guest for all deaths."""
    with counting(cluster, "restarted-around") as found:
        yield found


@pytest.mark.long
@pytest.mark.parametrize("moment", [*MOMENTS[:3], SENDING, *MOMENTS[3:]])
@pytest.mark.parametrize(("program", "where"), CASES)
def test_a_component_dies(cluster: Cluster, guest: Counting, program: str, where: str, moment: str) -> None:
    with explained(guest), slowly(guest, bandwidthPerMigration="8Mi") if moment == SENDING else nullcontext():
        move = Move(guest, moment)
        node = {"source": move.source_node, "target": move.target_node}.get(where, where)
        old = processes.of_node(cluster.name, node, program)
        assert len(old) == 1, old
        processes.kill(*old)
        until(f"another {program} runs", lambda: set(processes.of_node(cluster.name, node, program)) - set(old), 60)
        assert guest.over(move.name)["status"]["phase"] == "Succeeded"
        guest.counts_on_alone(move.uid)
        guest.nothing_left()
        until("all is well again", lambda: all_is_well(cluster), 120)
