"""Start, stop, restart and delete, as a person does them; what a guest's own power-off does under each run strategy."""

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm, vmi
from tests.e2e.harness.waiting import holds, until


def answer(cluster: Cluster, *words: str) -> str:
    result = cluster.virtctl(*words)
    assert result.code == 0, result.err
    return result.out.strip()


def test_start_stop_restart_delete(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("daily", namespace, strategy="Halted", grace=60))
    vms.shows(cluster, namespace, "daily", "Stopped")
    assert cluster.get("vmi", "daily", namespace) is None

    assert answer(cluster, "start", "daily", "-n", namespace) == "VM daily was scheduled to start"
    first = vms.running(cluster, namespace, "daily")
    with Console(cluster, namespace, "daily") as console:
        console.login()
        again = cluster.virtctl("start", "daily", "-n", namespace)
        assert again.code == 1 and "VM is already running" in again.err

        assert answer(cluster, "restart", "daily", "-n", namespace) == "VM daily was scheduled to restart"
    second = vms.replaced(cluster, namespace, "daily", first["metadata"]["uid"])
    with Console(cluster, namespace, "daily") as console:
        console.login()

    assert answer(cluster, "stop", "daily", "-n", namespace) == "VM daily was scheduled to stop"
    vms.gone(cluster, namespace, "vmi", "daily", 50)
    vms.shows(cluster, namespace, "daily", "Stopped")
    assert ("Normal", "ShuttingDown") in vms.reasons(cluster, namespace, "daily"), "the guest was asked by ACPI"
    assert second["metadata"]["uid"] != first["metadata"]["uid"]

    cluster.delete("vm", "daily", namespace)
    vms.gone(cluster, namespace, "vm", "daily")
    until("no launcher pod is left", lambda: not cluster.list("pods", namespace, "kubevirt.io=virt-launcher"))


def test_a_stopped_guest_was_asked_by_acpi_and_ended_well(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("polite", namespace, grace=120))
    vms.running(cluster, namespace, "polite")
    with Console(cluster, namespace, "polite") as console:
        console.login()
        cluster.delete("vmi", "polite", namespace, "--wait=false")
        vms.gone(cluster, namespace, "vmi", "polite", 60)


def test_force_ends_a_guest_at_once(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("stubborn", namespace, grace=300))
    vms.running(cluster, namespace, "stubborn")
    answer(cluster, "stop", "stubborn", "--force", "--grace-period=0", "-n", namespace)
    vms.gone(cluster, namespace, "vmi", "stubborn", 60)
    vms.shows(cluster, namespace, "stubborn", "Stopped")


@pytest.mark.parametrize("strategy", ["Always", "RerunOnFailure", "Manual", "Once"])
def test_guest_power_off(cluster: Cluster, namespace: str, strategy: str) -> None:
    cluster.create(vm("off", namespace, strategy=strategy))
    if strategy == "Manual":
        vms.shows(cluster, namespace, "off", "Stopped")
        answer(cluster, "start", "off", "-n", namespace)
    first = vms.running(cluster, namespace, "off")["metadata"]["uid"]
    with Console(cluster, namespace, "off") as console:
        console.login()
        console.send("poweroff")
        if strategy == "Always":
            vms.replaced(cluster, namespace, "off", first)
            return
        if strategy == "RerunOnFailure":
            vms.gone(cluster, namespace, "vmi", "off")
            vms.shows(cluster, namespace, "off", "Stopped")
            holds("the VM stays stopped", lambda: cluster.get("vmi", "off", namespace) is None, 3)
            return
        vms.reaches(cluster, namespace, "off", "Succeeded")
        vms.shows(cluster, namespace, "off", "Stopped")
        still = cluster.get("vmi", "off", namespace)
        assert still and still["metadata"]["uid"] == first, "the finished VMI is left in place"


def test_dry_run_changes_nothing(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("dry", namespace, strategy="Halted"))
    vms.shows(cluster, namespace, "dry", "Stopped")
    answer(cluster, "start", "dry", "--dry-run", "-n", namespace)
    stored = cluster.get("vm", "dry", namespace)
    assert stored and stored["spec"]["runStrategy"] == "Halted"
    assert not stored["status"].get("stateChangeRequests")


def test_actions_on_what_is_not_there(cluster: Cluster, namespace: str) -> None:
    for action in ("start", "stop", "restart"):
        result = cluster.virtctl(action, "nobody", "-n", namespace)
        assert result.code == 1
        assert 'virtualmachine.kubevirt.io "nobody" not found' in result.err
        assert "Traceback" not in result.err
