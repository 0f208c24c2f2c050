"""What stands in the status of VMs whose guests have nothing to boot: extremes, changes while they run, deletion."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.waiting import until

LABEL_MAX = 63


def bare(name: str, namespace: str, **spec: Any) -> Object:
    """A VM of 1Mi without any disk: its firmware finds nothing to boot, and costs next to nothing."""
    made = vm(name, namespace)
    domain = {"devices": {}, "resources": {"requests": {"memory": "1Mi"}}}
    made["spec"]["template"]["spec"] = {"domain": domain, "terminationGracePeriodSeconds": 0, **spec}
    return made


def test_a_megabyte_and_no_disk_is_a_machine_and_a_healthy_start_warns_of_nothing(
    cluster: Cluster, namespace: str
) -> None:
    cluster.create(bare("least", namespace))
    vmi = vms.running(cluster, namespace, "least")
    assert vmi["status"]["volumeStatus"] == [] if "volumeStatus" in vmi["status"] else True
    vms.shows(cluster, namespace, "least", "Running")
    entered = [each["phase"] for each in vmi["status"]["phaseTransitionTimestamps"]]
    assert entered == ["Pending", "Scheduling", "Scheduled", "Running"]
    events = cluster.list("events", namespace)
    assert {each["reason"] for each in events} >= {"SuccessfulCreate", "Created", "Started", "Scheduled"}
    warnings = [f"{each['involvedObject']['kind']}: {each['message']}" for each in events if each["type"] != "Normal"]
    assert warnings == []


@pytest.fixture
def longest(cluster: Cluster) -> Iterator[str]:
    """A namespace whose name is as long as it may be."""
    name = f"{'n' * (LABEL_MAX - 9)}-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("-n", name, "delete", "vms", "--all", "--wait=false")
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_names_as_long_as_they_may_be(cluster: Cluster, longest: str) -> None:
    """And a readiness probe, which decides when the guest is ready."""
    name = f"v{'m' * (LABEL_MAX - 2)}1"
    made = vm(name, longest)
    made["spec"]["template"]["spec"]["readinessProbe"] = {"httpGet": {"port": 80}, "periodSeconds": 1}
    cluster.create(made)
    vms.reaches(cluster, longest, name, "Running")
    with Console(cluster, longest, name) as console:
        console.login()
        assert console.run("hostname") == name
    vmi = vms.running(cluster, longest, name)
    pod = vms.launcher(cluster, longest, vmi)
    assert pod["spec"]["hostname"] == name and len(pod["metadata"]["name"]) <= LABEL_MAX
    assert pod["metadata"]["labels"]["vm.kubevirt.io/name"] == name
    told = cluster.virtctl("stop", name, "-n", longest)
    assert told.out.strip() == f"VM {name} was scheduled to stop", told.err
    vms.gone(cluster, longest, "vmi", name, 60)
    vms.shows(cluster, longest, name, "Stopped")


def test_a_guest_that_fails_its_liveness_probe_is_ended(cluster: Cluster, namespace: str) -> None:
    probe = {"tcpSocket": {"port": 81}, "periodSeconds": 1, "failureThreshold": 1}
    made = bare("sick", namespace, livenessProbe=probe, networks=[{"name": "default", "pod": {}}])
    devices = made["spec"]["template"]["spec"]["domain"]["devices"]
    devices["interfaces"] = [{"name": "default", "masquerade": {}}]
    cluster.create(made)
    first = vms.reaches(cluster, namespace, "sick", "Running")
    vms.replaced(cluster, namespace, "sick", first["metadata"]["uid"])
    until(
        "the kubelet has said why",
        lambda: "Unhealthy" in {each["reason"] for each in cluster.list("events", namespace)},
    )


def patch(cluster: Cluster, namespace: str, kind: str, name: str, change: Object) -> None:
    cluster.kubectl("-n", namespace, "patch", kind, name, "--type=merge", "-p", json.dumps(change))


def template(**spec: Any) -> Object:
    return {"spec": {"template": {"spec": spec}}}


def test_a_running_vm_follows_its_template_or_says_what_waits(cluster: Cluster, namespace: str) -> None:
    cluster.create(bare("live", namespace))
    first = vms.running(cluster, namespace, "live")

    patch(cluster, namespace, "vm", "live", template(nodeSelector={"kubernetes.io/os": "linux"}))

    def followed() -> bool:
        vmi = cluster.get("vmi", "live", namespace)
        return vmi is not None and vmi["spec"].get("nodeSelector") == {"kubernetes.io/os": "linux"}

    until("the VMI has the placement rule", followed, 30)
    status = vms.status_of(cluster, namespace, "live")
    assert (status["observedGeneration"], status["desiredGeneration"]) == (1, 2)
    assert vms.condition({"status": status}, "RestartRequired") is None

    patch(cluster, namespace, "vm", "live", template(terminationGracePeriodSeconds=1, domain={"cpu": {"cores": 2}}))
    wanted = "a non-live-updatable field was changed in the template spec"

    def waits() -> str | None:
        found = vms.condition({"status": vms.status_of(cluster, namespace, "live")}, "RestartRequired")
        return str(found["message"]) if found else None

    message = until("a restart is asked for", waits, 30)
    assert message.startswith(f"{wanted}: ") and "domain.cpu" in message, message
    assert "terminationGracePeriodSeconds" in message and "nodeSelector" not in message
    assert message in " ".join(cluster.virtctl("why", "vm", "live", "-n", namespace).out.split())

    assert cluster.virtctl("restart", "live", "-n", namespace).code == 0
    second = vms.replaced(cluster, namespace, "live", first["metadata"]["uid"])
    assert second["spec"]["domain"]["cpu"]["cores"] == 2
    until("nothing waits any more", lambda: waits() is None, 30)
    revision = second["status"]["virtualMachineRevisionName"]
    own = vms.status_of(cluster, namespace, "live")["desiredGeneration"]
    assert revision.endswith(f"-{own}") and cluster.get("controllerrevision", revision, namespace)
    assert cluster.get("controllerrevision", first["status"]["virtualMachineRevisionName"], namespace) is None


def test_an_orphan_runs_on_is_adopted_again_and_its_deletion_says_what_holds_it(
    cluster: Cluster, namespace: str
) -> None:
    made = bare("left", namespace)
    cluster.create(made)
    vmi = vms.running(cluster, namespace, "left")
    cluster.delete("vm", "left", namespace, "--cascade=orphan")
    vms.gone(cluster, namespace, "vm", "left", 30)

    def alone() -> bool:
        left = cluster.get("vmi", "left", namespace)
        assert left is not None and "deletionTimestamp" not in left["metadata"], "the guest goes on"
        return not left["metadata"].get("ownerReferences")

    until("the VMI belongs to nobody", alone, 30)
    cluster.create(made)
    vms.shows(cluster, namespace, "left", "Running", 30)
    again = cluster.get("vmi", "left", namespace)
    assert again and again["metadata"]["uid"] == vmi["metadata"]["uid"], "the same guest, adopted"

    patch(
        cluster,
        namespace,
        "vmi",
        "left",
        {"metadata": {"finalizers": [*again["metadata"]["finalizers"], "e2e.example/hold"]}},
    )
    cluster.delete("vm", "left", namespace, "--cascade=foreground", "--wait=false")

    def held() -> Object | None:
        failure = vms.condition(cluster.get("vm", "left", namespace), "Failure")
        return failure if failure and failure["reason"] == "FailedDelete" else None

    said = until("the VM says what holds it", held, 60)
    assert said["message"].endswith("it is held by the finalizer e2e.example/hold")
    assert "e2e.example/hold" in cluster.virtctl("why", "vm", "left", "-n", namespace).out
    patch(cluster, namespace, "vmi", "left", {"metadata": {"finalizers": []}})
    vms.gone(cluster, namespace, "vm", "left", 30)
