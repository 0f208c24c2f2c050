"""The first VM: boots, answers on its console, carries its cloud-init data, tells its state."""

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm, vmi
from tests.e2e.harness.waiting import until


def test_a_vm_boots_and_its_console_answers(cluster: Cluster, namespace: str) -> None:
    seed = '#!/bin/sh\necho "seed-$((40 + 2))" > /root/seed'
    cluster.create(vm("first", namespace, user_data=seed))
    running = vms.running(cluster, namespace, "first")
    with Console(cluster, namespace, "first") as console:
        console.login()
        assert console.run("uname -s") == "Linux"
        assert console.run("cat /root/seed") == "seed-42"
        assert console.run("hostname") == "first"
    status = running["status"]
    pod = vms.launcher(cluster, namespace, running)
    assert status["nodeName"] == pod["spec"]["nodeName"]
    assert status["interfaces"][0]["ipAddress"] == pod["status"]["podIP"]
    assert vms.shows(cluster, namespace, "first", "Running")["ready"] is True


def test_phases_come_in_order_and_a_healthy_start_warns_of_nothing(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("plain", namespace))
    vms.running(cluster, namespace, "plain")
    seen = vms.reaches(cluster, namespace, "plain", "Running")["status"]["phaseTransitionTimestamps"]
    assert [entry["phase"] for entry in seen] == ["Pending", "Scheduling", "Scheduled", "Running"]
    happened = vms.reasons(cluster, namespace, "plain")
    assert {("Normal", "SuccessfulCreate"), ("Normal", "Created"), ("Normal", "Started")} <= happened
    assert not [reason for kind, reason in happened if kind == "Warning"]


def test_disks_on_sata_and_scsi_boot_too(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("sata", namespace, bus="sata"), vmi("scsi", namespace, bus="scsi"))
    for name, target in (("sata", "sda"), ("scsi", "sda")):
        running = vms.running(cluster, namespace, name)
        assert running["status"]["volumeStatus"][0]["target"] == target
        with Console(cluster, namespace, name) as console:
            console.login()


def test_kubectl_shows_it(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("shown", namespace))
    vms.running(cluster, namespace, "shown")
    assert "Running" in cluster.kubectl("-n", namespace, "get", "vms")
    row = cluster.kubectl("-n", namespace, "get", "vmis").splitlines()
    assert row[0].split()[:4] == ["NAME", "AGE", "PHASE", "IP"]
    log = ("-n", namespace, "logs", "-l", "vm.kubevirt.io/name=shown", "-c", "guest-console-log", "--tail=-1")
    until("the guest's console is logged, line by line", lambda: "log in as root" in cluster.kubectl(*log))
