"""Kill what can be killed while guests run: the guest's own processes end it cleanly, ours never disturb it."""

import json
import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.console import Console
from tests.e2e.harness.evidence import collect
from tests.e2e.harness.guests import diskless, vm, vmi
from tests.e2e.harness.launchers import LAUNCHER, QEMU, kill_in_launcher
from tests.e2e.harness.metrics import pods, scrape
from tests.e2e.harness.waiting import until

PANICKED = "kubevirt_vmi_guest_os_panic_total"


@pytest.fixture(scope="module", autouse=True)
def hung(cluster: Cluster) -> Iterator[str]:
    """Namespace of a VM `hung` whose QEMU stands still and keeps libvirt waiting: noticed while other tests run."""
    namespace = f"hung-{uuid.uuid4().hex[:5]}"
    cluster.kubectl("create", "namespace", namespace)
    cluster.create(diskless(vm("hung", namespace)))
    pod = vms.launcher(cluster, namespace, vms.running(cluster, namespace, "hung"))["metadata"]["name"]
    kill_in_launcher(cluster, namespace, pod, QEMU, "STOP")
    yield namespace
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def test_qemu_killed_fails_the_vmi_and_always_starts_anew(cluster: Cluster, namespace: str) -> None:
    cluster.create(diskless(vm("again", namespace)), diskless(vmi("once", namespace)))
    first = vms.running(cluster, namespace, "again")
    bare = vms.running(cluster, namespace, "once")
    for one in (first, bare):
        pod = vms.launcher(cluster, namespace, one)["metadata"]["name"]
        kill_in_launcher(cluster, namespace, pod, QEMU)
    vms.reaches(cluster, namespace, "once", "Failed", 60)
    vms.replaced(cluster, namespace, "again", first["metadata"]["uid"])
    assert ("Warning", "Stopped") in vms.reasons(cluster, namespace, "once")


PANICS = "printf '\\272\\005\\005\\260\\001\\356\\364' | dd of=/dev/vda conv=notrunc; sync; reboot -f"
"""Boot from a program that writes to the panic device's port: the guest's kernel lacks the driver for it."""


def test_a_panic_is_told_counted_and_answered_with_a_new_guest(cluster: Cluster, namespace: str) -> None:
    made = vm("panics", namespace)
    made["spec"]["template"]["spec"]["domain"]["devices"]["panicDevices"] = [{"model": "isa"}]
    cluster.create(made)
    first = vms.running(cluster, namespace, "panics")
    with Console(cluster, namespace, "panics") as console:
        console.login()
        console.send(PANICS)
        vms.replaced(cluster, namespace, "panics", first["metadata"]["uid"])
    assert ("Warning", "GuestPanicked") in vms.reasons(cluster, namespace, "panics")
    found = [sample for pod in pods(cluster)["virt-handler"] for sample in scrape(cluster, pod).of(PANICKED)]
    labels = {"namespace": namespace, "name": "panics", "type": "unknown", "bugcheck_code": "unknown"}
    assert [number for given, number in found if given == labels] == [1]


def test_launcher_killed_takes_its_guest_with_it(cluster: Cluster, namespace: str) -> None:
    cluster.create(diskless(vmi("orphan", namespace)))
    running = vms.running(cluster, namespace, "orphan")
    pod = vms.launcher(cluster, namespace, running)["metadata"]["name"]
    kill_in_launcher(cluster, namespace, pod, LAUNCHER)
    vms.reaches(cluster, namespace, "orphan", "Failed", 90)

    def completed() -> bool:
        left = cluster.get("pod", pod, namespace)
        return left is None or left["status"]["phase"] in ("Succeeded", "Failed")

    until("the pod has ended, guest included", completed, 60)


def kill_component(cluster: Cluster, name: str, *, node: str | None = None) -> None:
    """Delete pods of a component without grace, and wait until every pod of it is ready again."""
    pods = cluster.list("pods", "kubevirt", f"kubevirt.io={name}")
    chosen = [p for p in pods if node in (None, p["spec"]["nodeName"])]
    assert chosen
    old = {p["metadata"]["uid"] for p in chosen}
    for pod in chosen:
        cluster.delete("pod", pod["metadata"]["name"], "kubevirt", "--grace-period=0", "--force", "--wait=false")

    def back() -> bool:
        now = cluster.list("pods", "kubevirt", f"kubevirt.io={name}")
        fresh = not old & {p["metadata"]["uid"] for p in now}
        return fresh and len(now) == len(pods) and all(vms.is_true(p, "Ready") for p in now)

    until(f"{name} back", back, 120)


def test_our_components_die_and_no_guest_is_disturbed(cluster: Cluster, namespace: str) -> None:
    """Each dies right after an action was answered: it is done nevertheless."""
    cluster.create(vm("calm", namespace))
    before = vms.running(cluster, namespace, "calm")
    pod = vms.launcher(cluster, namespace, before)["metadata"]["uid"]
    with Console(cluster, namespace, "calm") as console:
        console.login()
        console.run("echo alive > /run/mark")
    node = before["status"]["nodeName"]
    cluster.create(diskless(vm("busy", namespace, grace=0), node))
    busy = vms.running(cluster, namespace, "busy")["metadata"]["uid"]

    def ask(*words: str) -> None:
        assert cluster.virtctl(*words, "busy", "-n", namespace).code == 0

    ask("restart")
    kill_component(cluster, "virt-handler", node=node)
    busy = vms.replaced(cluster, namespace, "busy", busy)["metadata"]["uid"]
    ask("restart")
    lease = cluster.get("lease", "virt-controller", "kubevirt")
    assert lease and lease["spec"]["holderIdentity"]
    kill_component(cluster, "virt-controller")
    vms.replaced(cluster, namespace, "busy", busy)
    ask("pause", "vm")
    kill_component(cluster, "virt-api")
    vms.shows(cluster, namespace, "busy", "Paused")
    ask("stop")

    def answers() -> bool:
        with Console(cluster, namespace, "calm") as console:
            console.login(30)
            return console.run("cat /run/mark") == "alive"

    until("the same guest answers", answers, 90)
    after = vms.running(cluster, namespace, "calm")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert vms.launcher(cluster, namespace, after)["metadata"]["uid"] == pod

    cluster.create(vmi("next", namespace))
    vms.running(cluster, namespace, "next")
    assert cluster.virtctl("stop", "calm", "-n", namespace).code == 0
    vms.gone(cluster, namespace, "vmi", "calm", 60)
    vms.gone(cluster, namespace, "vmi", "busy", 60)


def test_launcher_pod_deleted_ends_the_guest_politely(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("evicted", namespace, grace=60))
    running = vms.running(cluster, namespace, "evicted")
    with Console(cluster, namespace, "evicted") as console:
        console.login()
        pod = vms.launcher(cluster, namespace, running)["metadata"]["name"]
        cluster.delete("pod", pod, namespace, "--wait=false")
        ended = vms.reaches(cluster, namespace, "evicted", "Succeeded", 90)
    assert ended["status"]["phase"] == "Succeeded", json.dumps(ended["status"])


def test_a_guest_that_hangs_is_unknown_and_can_be_given_up(cluster: Cluster, hung: str) -> None:
    try:
        vms.shows(cluster, hung, "hung", "Unknown", 120)
        assert vms.phase(cluster, hung, "hung") == "Running"
        assert ("Warning", "LauncherSilent") in vms.reasons(cluster, hung, "hung")
        assert "has stopped answering" in cluster.virtctl("why", "vm", "hung", "-n", hung).out
        assert cluster.virtctl("stop", "hung", "--force", "--grace-period=0", "-n", hung).code == 0
        vms.gone(cluster, hung, "vmi", "hung", 90)
    except AssertionError:
        print(collect(cluster, hung))
        raise
