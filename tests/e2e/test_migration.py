"""A running guest moves between the two nodes: its memory, its disk, its address and its console go with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.waiting import until

GUEST = "mover"
RUNNER = "podvirt.io/runner"
PROGRESS = "podvirt.io/migration-progress"


@pytest.fixture
def guest(cluster: Cluster, namespace: str) -> Iterator[Console]:
    """A console at a guest that counts in its memory, and has written to its disk."""
    cluster.create(vm(GUEST, namespace, memory="128Mi", grace=5))
    vms.running(cluster, namespace, GUEST)
    with Console(cluster, namespace, GUEST) as console:
        console.login()
        console.run("echo kept > /tmp/memory")
        console.run("dd if=/dev/urandom of=/tmp/noise bs=1M count=8 2>/dev/null; md5sum /tmp/noise > /tmp/sum")
        console.run("(n=0; while :; do n=$((n+1)); echo $n > /tmp/count; sleep 1; done) & true")
        yield console


def live(cluster: Cluster, namespace: str) -> Object:
    found = cluster.get("vmi", GUEST, namespace)
    assert found is not None
    return found


def migrations(cluster: Cluster, namespace: str) -> list[Object]:
    found = cluster.list("vmim", namespace)
    return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def ended(cluster: Cluster, namespace: str, count: int, seconds: float = 180) -> Object:
    """The last of `count` migrations once it is over and holds how it went, which comes with the write after."""

    def probe() -> Object | None:
        found = migrations(cluster, namespace)
        over = [each for each in found if each.get("status", {}).get("phase") in ("Succeeded", "Failed")]
        told = len(over) == count and (over[-1]["status"].get("migrationState") or {}).get("completed")
        return over[-1] if told else None

    return until(f"migration {count} is over", probe, seconds)


def phases(cluster: Cluster, namespace: str) -> list[str]:
    return sorted(pod["status"]["phase"] for pod in cluster.list("pods", namespace, "kubevirt.io=virt-launcher"))


def move(cluster: Cluster, namespace: str, count: int) -> Object:
    """`virtctl migrate --wait`, and the VMI when it has moved."""
    before = live(cluster, namespace)["status"]["nodeName"]
    answer = cluster.virtctl("migrate", GUEST, "-n", namespace, "--wait")
    lines = answer.out.splitlines()
    assert (answer.code, lines[:1]) == (0, [f"VM {GUEST} was scheduled to migrate"]), (answer.out, answer.err)
    assert lines[-2] == "Succeeded" and lines[-1].startswith(f"VM {GUEST} was migrated to node "), answer.out
    assert lines[-1].split()[-1] != before
    done = ended(cluster, namespace, count)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    moved = live(cluster, namespace)
    assert moved["status"]["nodeName"] != before and moved["status"]["phase"] == "Running"
    return moved


def checked(cluster: Cluster, namespace: str, count: int) -> int:
    """The guest's counter, read at a new console: larger than before, and its memory whole."""
    with Console(cluster, namespace, GUEST) as console:
        console.send("")
        console.expect("# ")
        assert console.run("cat /tmp/memory") == "kept"
        assert "OK" in console.run("md5sum -c /tmp/sum")
        now = int(until("the counter", lambda: console.run("cat /tmp/count"), 30))
        assert now > count
        assert "Address" in console.run("nslookup kubernetes.default.svc.cluster.local")
        return now


def refused_to_agents(cluster: Cluster) -> list[str]:
    """What virt-api did not let a node's agent do. It goes on without that, later: nothing else would show it."""
    pods = cluster.list("pods", "kubevirt", "kubevirt.io=virt-api")
    logs = (cluster.log("kubevirt", pod["metadata"]["name"], "virt-api") or "" for pod in pods)
    return [line for log in logs for line in log.splitlines() if "refused: Node restriction" in line]


def test_there_and_back(cluster: Cluster, namespace: str, guest: Console) -> None:
    first = live(cluster, namespace)
    moved = move(cluster, namespace, 1)
    state: dict[str, Any] = moved["status"]["migrationState"]
    assert (state["completed"], state["sourceNode"]) == (True, first["status"]["nodeName"])
    assert state["targetNode"] == moved["status"]["nodeName"] == moved["metadata"]["labels"]["kubevirt.io/nodeName"]
    assert "kubevirt.io/migrationTargetNodeName" not in moved["metadata"]["labels"]
    assert moved["metadata"]["annotations"][RUNNER].startswith("2:")
    assert moved["status"]["interfaces"][0]["ipAddress"] != first["status"]["interfaces"][0]["ipAddress"]
    count = checked(cluster, namespace, 0)

    back = move(cluster, namespace, 2)
    assert back["status"]["nodeName"] == first["status"]["nodeName"]
    assert back["metadata"]["annotations"][RUNNER].startswith("3:")
    assert PROGRESS not in back["metadata"]["annotations"]
    checked(cluster, namespace, count)
    assert not refused_to_agents(cluster)
    vms.running(cluster, namespace, GUEST)
    until(
        "what the guest has left is over", lambda: phases(cluster, namespace) == ["Running", "Succeeded", "Succeeded"]
    )

    assert cluster.virtctl("stop", GUEST, "-n", namespace).code == 0
    vms.gone(cluster, namespace, "vmi", GUEST)
    until("no launcher is left", lambda: not cluster.list("pods", namespace, "kubevirt.io=virt-launcher"))


def test_a_paused_guest_arrives_paused(cluster: Cluster, namespace: str, guest: Console) -> None:
    assert cluster.virtctl("pause", "vm", GUEST, "-n", namespace).code == 0
    until("paused", lambda: vms.is_true(live(cluster, namespace), "Paused"))
    move(cluster, namespace, 1)
    assert vms.is_true(live(cluster, namespace), "Paused")
    assert cluster.virtctl("unpause", "vm", GUEST, "-n", namespace).code == 0
    until("unpaused", lambda: not vms.is_true(live(cluster, namespace), "Paused"))
    checked(cluster, namespace, 0)


def test_called_off_it_stays_where_it_is(cluster: Cluster, namespace: str, guest: Console) -> None:
    node = live(cluster, namespace)["status"]["nodeName"]
    assert cluster.virtctl("migrate", GUEST, "-n", namespace).code == 0
    answer = cluster.virtctl("migrate-cancel", GUEST, "-n", namespace)
    assert (answer.code, answer.out.strip()) == (0, f"VM {GUEST} was scheduled to migrate-cancel"), answer.err
    until("the migration is gone", lambda: not migrations(cluster, namespace), 120)
    stayed = live(cluster, namespace)
    assert stayed["status"]["nodeName"] == node and stayed["status"]["phase"] == "Running"
    checked(cluster, namespace, 0)
    refused = cluster.virtctl("migrate-cancel", GUEST, "-n", namespace)
    assert (refused.code, refused.err.strip()) == (1, f"Found no migration to cancel for {GUEST}")


@pytest.fixture
def slow(cluster: Cluster, namespace: str) -> Iterator[Object]:
    """A MigrationPolicy for the guest: 1 MiB a second, and soon late."""
    selectors = {"namespaceSelector": {"kubernetes.io/metadata.name": namespace}}
    settings = {"bandwidthPerMigration": "1Mi", "completionTimeoutPerGiB": 4, "allowWorkloadDisruption": True}
    made: Object = {
        "apiVersion": "migrations.kubevirt.io/v1alpha1", "kind": "MigrationPolicy", "metadata": {"name": namespace},
        "spec": {"selectors": selectors, **settings},
    }  # fmt: skip
    cluster.create(made)
    yield made
    cluster.kubectl("delete", "migrationpolicy", namespace, "--wait=false")


def test_a_policy_lets_it_stand_still_and_force_gets_it_done(
    cluster: Cluster, namespace: str, guest: Console, slow: Object
) -> None:
    assert cluster.virtctl("migrate", GUEST, "-n", namespace).code == 0
    given_up = ended(cluster, namespace, 1)["status"]
    state = given_up["migrationState"]
    assert (given_up["phase"], state["migrationPolicyName"], state["mode"]) == ("Failed", namespace, "Paused")
    assert state["migrationConfiguration"]["bandwidthPerMigration"] == "1Mi"
    assert "is not completed after 8 seconds" in state["failureReason"]
    assert not vms.is_true(live(cluster, namespace), "Paused")
    count = checked(cluster, namespace, 0)

    patient = '{"spec": {"completionTimeoutPerGiB": 600}}'
    cluster.kubectl("patch", "migrationpolicy", namespace, "--type=merge", "-p", patient)
    node = live(cluster, namespace)["status"]["nodeName"]
    assert cluster.virtctl("migrate", GUEST, "-n", namespace).code == 0
    told = until("progress", lambda: live(cluster, namespace)["metadata"]["annotations"].get(PROGRESS), 60)
    assert 0 < json.loads(told)["dataRemaining"] < json.loads(told)["dataTotal"]
    answer = cluster.virtctl("migrate", GUEST, "-n", namespace, "--force-complete")
    assert (answer.code, answer.out) == (0, f"VM {GUEST} stands still until it has migrated\n"), answer.err
    done = ended(cluster, namespace, 2, 60)["status"]
    assert (done["phase"], done["migrationState"]["mode"]) == ("Succeeded", "Paused")
    moved = live(cluster, namespace)
    assert moved["status"]["nodeName"] != node and not vms.is_true(moved, "Paused")
    assert "podvirt.io/force-complete" not in moved["metadata"]["annotations"]
    checked(cluster, namespace, count)
