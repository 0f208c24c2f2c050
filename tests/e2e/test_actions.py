"""Actions on a guest that runs, on one VM that serves all checks: started paused, let run, paused, rebooted, reset."""

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.console import LOGIN, Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.waiting import holds, until


def said(cluster: Cluster, namespace: str, *words: str) -> str:
    result = cluster.virtctl(*words, "-n", namespace)
    assert result.code == 0, result.err
    return result.out.strip()


def refused(cluster: Cluster, namespace: str, *words: str) -> str:
    result = cluster.virtctl(*words, "-n", namespace)
    assert result.code == 1 and "Traceback" not in result.err
    return result.err.strip()


def gate(cluster: Cluster, namespace: str) -> str:
    """Status of the launcher pod's readiness gate."""
    pods = cluster.list("pods", namespace, "kubevirt.io=virt-launcher")
    found = vms.condition(pods[0], "kubevirt.io/virtual-machine-unpaused")
    return found["status"] if found else ""


def test_a_guest_started_paused_let_run_paused_and_rebooted(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("still", namespace, strategy="Halted"))
    vms.shows(cluster, namespace, "still", "Stopped")
    conflict = 'Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "still"'
    assert refused(cluster, namespace, "pause", "vm", "still") == (
        "Error pausing VirtualMachineInstance still. VirtualMachine still is not set to run"
    )

    assert said(cluster, namespace, "start", "still", "--paused") == "VM still was scheduled to start"
    vms.shows(cluster, namespace, "still", "Paused")
    vmi = vms.reaches(cluster, namespace, "still", "Running")
    assert vmi["spec"]["startStrategy"] == "Paused"
    paused = vms.condition(vmi, "Paused")
    assert paused and (paused["reason"], paused["message"]) == ("PausedByUser", "VMI was paused by user")
    assert refused(cluster, namespace, "pause", "vmi", "still").endswith(f"{conflict}: VMI is already paused")
    assert refused(cluster, namespace, "soft-reboot", "still").endswith(f"{conflict}: VMI is paused")

    with Console(cluster, namespace, "still") as console:
        assert said(cluster, namespace, "unpause", "vm", "still") == "VMI still was scheduled to unpause"
        vms.shows(cluster, namespace, "still", "Running")
        console.login()
        assert refused(cluster, namespace, "unpause", "vmi", "still").endswith(f"{conflict}: VMI is not paused")

        dry = said(cluster, namespace, "pause", "vm", "still", "--dry-run")
        assert dry == "Dry Run execution\nVMI still was scheduled to pause"

        def runs() -> bool:
            return not vms.is_true(cluster.get("vmi", "still", namespace), "Paused")

        holds("a dry run pauses nothing", runs, 2)

        assert said(cluster, namespace, "pause", "vm", "still") == "VMI still was scheduled to pause"
        vms.shows(cluster, namespace, "still", "Paused")
        until("the pod's gate is shut", lambda: gate(cluster, namespace) == "False")
        assert said(cluster, namespace, "unpause", "vmi", "still") == "VMI still was scheduled to unpause"
        until("the pod's gate is open", lambda: gate(cluster, namespace) == "True")

        assert said(cluster, namespace, "soft-reboot", "still") == "VMI still was scheduled to soft-reboot"
        console.expect(LOGIN, 120)
        assert said(cluster, namespace, "reset", "still") == "VMI still was scheduled to reset"
        console.expect(LOGIN, 120)

    same = vms.running(cluster, namespace, "still")
    assert same["metadata"]["uid"] == vmi["metadata"]["uid"], "the same VMI all the time"

    def told() -> bool:
        wanted = {("Normal", why) for why in ("Paused", "Unpaused", "SoftRebooted", "Reset")}
        return wanted <= vms.reasons(cluster, namespace, "still")

    until("every action has its event", told)
    assert not [kind for kind, _ in vms.reasons(cluster, namespace, "still") if kind == "Warning"]
