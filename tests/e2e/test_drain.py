"""A node is drained: what can move goes on elsewhere, what need not starts anew, what must move and cannot stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.nodes import drain
from tests.e2e.harness.waiting import until

MOVES, RESTARTS, STAYS = "drain-moves", "drain-restarts", "drain-stays"
UPKEEP = "e2e-upkeep"
IMMOVABLE = f"VMI {STAYS} is configured with an eviction strategy but is not live-migratable"


@pytest.fixture
def nodes(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """The two nodes of guests, open to pods again afterwards whatever happens."""
    found = sorted(node["metadata"]["name"] for node in cluster.list("nodes", selector="kubevirt.io/schedulable=true"))
    assert len(found) >= 2, found
    try:
        yield found[0], found[1]
    finally:
        cluster.try_kubectl("delete", "maintenance", UPKEEP, "--ignore-not-found")
        for node in found:
            cluster.try_kubectl("uncordon", node)


def machine(name: str, namespace: str, eviction: str, **options: Any) -> Object:
    """Nothing in it names a node: it may move."""
    made = vm(name, namespace, grace=5, **options)
    made["spec"]["template"]["spec"]["evictionStrategy"] = eviction
    return made


def live(cluster: Cluster, namespace: str, name: str) -> Object:
    found = cluster.get("vmi", name, namespace)
    assert found is not None
    return found


def boot_id(console: Console) -> str:
    return console.run("cat /proc/sys/kernel/random/boot_id")


def test_a_drained_node_and_one_under_maintenance(cluster: Cluster, namespace: str, nodes: tuple[str, str]) -> None:
    here, there = nodes
    cluster.kubectl("cordon", there)
    cluster.create(machine(MOVES, namespace, "LiveMigrate"))
    vms.running(cluster, namespace, MOVES, 240)
    with Console(cluster, namespace, MOVES) as console:
        console.login(240)
        booted = boot_id(console)
    cluster.create(
        machine(RESTARTS, namespace, "None"),
        machine(STAYS, namespace, "LiveMigrate", binding="bridge"),
    )
    before = {name: vms.running(cluster, namespace, name, 240) for name in (MOVES, RESTARTS, STAYS)}
    assert {vmi["status"]["nodeName"] for vmi in before.values()} == {here}
    cluster.kubectl("uncordon", there)

    done = drain(cluster, here, 180, MOVES, RESTARTS)
    assert done.code == 0, done.err
    assert f'Eviction triggered evacuation of VMI "{namespace}/{MOVES}"' in done.err

    moved = live(cluster, namespace, MOVES)
    assert moved["metadata"]["uid"] == before[MOVES]["metadata"]["uid"]
    assert (moved["status"]["phase"], moved["status"]["nodeName"]) == ("Running", there)
    assert "evacuationNodeName" not in moved["status"]
    until("no eviction is asked for", lambda: not vms.condition(live(cluster, namespace, MOVES), "EvictionRequested"))
    (migration,) = cluster.list("vmim", namespace)
    assert migration["metadata"]["name"].startswith("kubevirt-evacuation-")
    assert migration["metadata"]["annotations"]["kubevirt.io/evacuationMigration"] == here
    assert migration["spec"] == {"vmiName": MOVES, "priority": "system-critical"}
    assert ("Normal", "SuccessfulCreate") in vms.reasons(cluster, namespace, MOVES)
    with Console(cluster, namespace, MOVES) as console:
        console.send("")
        console.expect("# ")
        assert boot_id(console) == booted, "it is the same guest"

    again = vms.replaced(cluster, namespace, RESTARTS, before[RESTARTS]["metadata"]["uid"], 180)
    assert again["status"]["nodeName"] == there

    held_up = drain(cluster, here, 10, STAYS)
    assert held_up.code and IMMOVABLE in held_up.err, held_up.err
    stayed = live(cluster, namespace, STAYS)
    assert stayed["metadata"]["uid"] == before[STAYS]["metadata"]["uid"] and stayed["status"]["phase"] == "Running"
    assert "evacuationNodeName" not in stayed["status"]
    until("its owner is told", lambda: ("Warning", "FailedEvict") in vms.reasons(cluster, namespace, STAYS))
    why = cluster.virtctl("why", "vm", STAYS, "-n", namespace)
    assert f"holds up the drain of node {here}" in " ".join(why.out.split()), why.out + why.err

    cluster.kubectl("uncordon", here)
    again = vms.running(cluster, namespace, RESTARTS)
    spec = {"nodeName": there, "deadline": "10m", "others": "Stop"}
    cluster.create(
        {"apiVersion": "podvirt.io/v1alpha1", "kind": "Maintenance", "metadata": {"name": UPKEEP}, "spec": spec}
    )
    done = until("the node is empty", lambda: maintained(cluster, "Drained"), 180)
    told = {guest["name"]: guest for guest in done["guests"] if guest["namespace"] == namespace}
    assert {name: (guest["plan"], guest["state"]) for name, guest in told.items()} == {
        MOVES: ("Migrate", "Moved"), RESTARTS: ("Stop", "Ended"),
    }  # fmt: skip
    assert told[MOVES]["nodeName"] == here
    assert live(cluster, namespace, MOVES)["metadata"]["uid"] == moved["metadata"]["uid"]
    elsewhere = vms.replaced(cluster, namespace, RESTARTS, again["metadata"]["uid"], 180)
    assert elsewhere["status"]["nodeName"] == here
    cluster.kubectl("delete", "maintenance", UPKEEP)
    until("the node takes guests again", lambda: not (cluster.get("node", there) or {})["spec"].get("taints"))


def maintained(cluster: Cluster, phase: str) -> Object | None:
    """The report of the maintenance once it is in that phase."""
    status: Object = (cluster.get("maintenance", UPKEEP) or {}).get("status", {})
    return status if status.get("phase") == phase else None
