"""The KubeVirt object is edited while guests run: what takes effect, what restarts, what comes back."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.guests import vm, vmi
from tests.e2e.harness.installation import NAMESPACE, components, edit, kubevirt, put_back, settled
from tests.e2e.harness.waiting import until


@pytest.fixture(autouse=True)
def unchanged(cluster: Cluster) -> Iterator[None]:
    with put_back(cluster):
        yield


def configure(cluster: Cluster, **change: Any) -> str:
    """What kubectl says on the side, such as warnings."""
    result = edit(cluster, configuration=change)
    assert result.code == 0, result.err
    return result.err


def guest(cluster: Cluster, namespace: str, name: str) -> str:
    found = cluster.get("vmi", name, namespace)
    assert found is not None and found["status"]["phase"] == "Running"
    return str(found["metadata"]["uid"])


def pod_of(cluster: Cluster, namespace: str, name: str) -> Object:
    """The launcher pod of a VMI that need not run."""

    def probe() -> Object | None:
        found = cluster.get("vmi", name, namespace)
        selector = f"kubevirt.io/created-by={found['metadata']['uid']}" if found else ""
        pods = cluster.list("pods", namespace, selector) if found else []
        return pods[0] if pods else None

    return until(f"a pod of {name}", probe, 30)


def compute(pod: Object) -> Object:
    return next(dict(each) for each in pod["spec"]["containers"] if each["name"] == "compute")


def mebibytes(quantity: str) -> float:
    unit = {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0}.get(quantity[-2:])
    return float(quantity[:-2]) * unit if unit else float(quantity) / (1 << 20)


def test_how_guests_are_run_changes_while_others_run(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("calm", namespace), vmi("before", namespace))
    vms.running(cluster, namespace, "calm")
    uid, ours = guest(cluster, namespace, "calm"), components(cluster)
    asked = mebibytes(compute(pod_of(cluster, namespace, "before"))["resources"]["requests"]["memory"])

    configure(cluster, additionalGuestMemoryOverheadRatio="2.0")
    settled(cluster)
    cluster.create(vmi("roomy", namespace))
    roomy = mebibytes(compute(pod_of(cluster, namespace, "roomy"))["resources"]["requests"]["memory"])
    assert roomy - 128 > 1.9 * (asked - 128), (asked, roomy)

    configure(cluster, developerConfiguration={"useEmulation": False})
    settled(cluster)
    cluster.create(vmi("accelerated", namespace))
    assert (
        compute(pod_of(cluster, namespace, "accelerated"))["resources"]["limits"].get("devices.kubevirt.io/kvm") == "1"
    )

    text = json.dumps(vmi("rooted", namespace))
    command = ("create", "-f", "-", "--dry-run=server", "-o", "jsonpath={.status.runtimeUser}")
    assert cluster.kubectl(*command, stdin=text) == "107"
    warned = configure(cluster, developerConfiguration={"featureGates": ["Root", "LiveMigration", "Nonsense"]})
    assert "feature gate Nonsense is unknown: it has no effect" in warned
    assert "feature gate LiveMigration is deprecated (feature state is" in warned
    until("the gate is open", lambda: cluster.kubectl(*command, stdin=text) in ("", "0"), 30)

    assert components(cluster) == ours, "no component was restarted"
    assert guest(cluster, namespace, "calm") == uid


def test_guests_are_logged_or_not_as_the_cluster_says(cluster: Cluster, namespace: str) -> None:
    configure(cluster, virtualMachineOptions={"disableSerialConsoleLog": {}})
    settled(cluster)
    wanting = vmi("wanting", namespace)
    wanting["spec"]["domain"]["devices"]["logSerialConsole"] = True
    cluster.create(vmi("silent", namespace), wanting)
    found = {
        name: [each["name"] for each in pod_of(cluster, namespace, name)["spec"]["containers"]]
        for name in ("silent", "wanting")
    }
    assert found == {"silent": ["compute"], "wanting": ["compute", "guest-console-log"]}
    vms.running(cluster, namespace, "silent")


def test_nonsense_is_refused(cluster: Cluster) -> None:
    refused = edit(cluster, configuration={"additionalGuestMemoryOverheadRatio": "0.5"})
    assert "ratio provided, 0.5, cannot be smaller than 1.0" in refused.err
    refused = edit(cluster, infra={"nodePlacement": {"nodeSelector": {"not a key!": "x"}}})
    assert refused.code and "spec.template.spec.nodeSelector" in refused.err
    refused = edit(cluster, infra={"replicas": 0})
    assert "infra replica count can't be 0" in refused.err


def test_components_deleted_by_hand_come_back(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("calm", namespace))
    vms.running(cluster, namespace, "calm")
    uid = guest(cluster, namespace, "calm")
    deleted = (
        ("deployment", "virt-api", NAMESPACE),
        ("deployment", "virt-controller", NAMESPACE),
        ("daemonset", "virt-handler", NAMESPACE),
        ("service", "kubevirt-prometheus-metrics", NAMESPACE),
        ("rolebinding", "kubevirt-controller", NAMESPACE),
        ("clusterrole", "kubevirt-handler", ""),
        ("apiservice", "v1.subresources.kubevirt.io", ""),
        ("mutatingwebhookconfiguration", "virt-api-mutator", ""),
    )
    old = {}
    for kind, name, scope in deleted:
        found = cluster.get(kind, name, scope or None)
        assert found is not None, f"{kind} {name}"
        old[kind, name] = found["metadata"]["uid"]
        cluster.kubectl(*(("-n", scope) if scope else ()), "delete", kind, name, "--wait=false")
        if name == "virt-api":
            until("the outage is told", lambda: not vms.is_true(kubevirt(cluster), "Available"), 5, 0.05)

    def back(kind: str, name: str, scope: str) -> bool:
        found = cluster.get(kind, name, scope or None)
        return found is not None and found["metadata"]["uid"] != old[kind, name]

    until("all are back", lambda: all(back(*each) for each in deleted), 90, 1.0)
    settled(cluster)
    assert guest(cluster, namespace, "calm") == uid, "no guest was disturbed"
    # The API server may hold on to connections to pods that are gone for a moment.
    trial = json.dumps(vmi("trial", namespace))
    words = ("create", "--dry-run=server", "-f", "-")
    until("manifests are admitted again", lambda: cluster.try_kubectl(*words, stdin=trial).code == 0, 60)
    cluster.create(vmi("after", namespace))
    vms.running(cluster, namespace, "after")


def test_components_are_patched_and_unpatched(cluster: Cluster) -> None:
    change = {"spec": {"template": {"spec": {"containers": [{"name": "virt-controller", "tty": True}]}}}}
    patch = {"resourceType": "Deployment", "resourceName": "virt-controller", "type": "strategic"}
    result = edit(cluster, customizeComponents={"patches": [{**patch, "patch": json.dumps(change)}]})
    assert result.code == 0, result.err

    def tty() -> bool:
        found = cluster.get("deployment", "virt-controller", NAMESPACE)
        assert found is not None
        return bool(found["spec"]["template"]["spec"]["containers"][0].get("tty"))

    until("the patch is in effect", tty, 30)
    settled(cluster)
    assert edit(cluster, customizeComponents=None).code == 0
    until("the patch is gone", lambda: not tty(), 30)
    settled(cluster)


def test_flags_and_the_product_reach_the_components(cluster: Cluster) -> None:
    flags = {"controller": {"log-level": "debug"}, "api": {"v": "5"}}
    result = edit(cluster, customizeComponents={"flags": flags}, productName="cloud", productVersion="no label!")
    assert result.code == 0, result.err
    assert "spec.productVersion has no effect" in result.err
    settled(cluster)
    pods = cluster.list("pods", NAMESPACE, "kubevirt.io=virt-controller,app.kubernetes.io/part-of=cloud")
    commands = [pod["spec"]["containers"][0]["command"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    assert commands == [["virt-controller", "--log-level", "debug"]] * 2

    def louder() -> bool:
        return "log verbosity is 5 now" in cluster.kubectl("-n", NAMESPACE, "logs", "deploy/virt-api")

    until("virt-api says more", louder, 30)


def nodes_of(cluster: Cluster, component: str) -> set[str]:
    pods = cluster.list("pods", NAMESPACE, f"kubevirt.io={component}")
    return {pod["spec"].get("nodeName", "") for pod in pods}


def test_components_go_where_they_are_sent(cluster: Cluster, namespace: str) -> None:
    first, second = sorted(each["metadata"]["name"] for each in cluster.list("nodes"))[:2]
    here = {"nodePlacement": {"nodeSelector": {"kubernetes.io/hostname": first}}}
    result = edit(cluster, infra=here, workloads=here, imagePullSecrets=[{"name": "registry"}])
    assert result.code == 0, result.err
    moved = ("virt-api", "virt-controller", "virt-handler")
    until(f"all are on {first}", lambda: all(nodes_of(cluster, each) == {first} for each in moved), 180, 1.0)

    def schedulable(node: str) -> str:
        found = cluster.get("node", node)
        assert found is not None
        return str(found["metadata"]["labels"].get("kubevirt.io/schedulable"))

    until("no guest is sent to the other", lambda: schedulable(second) == "false", 30)
    settled(cluster)
    for kind, name in (("deployment", "virt-api"), ("daemonset", "virt-handler")):
        found = cluster.get(kind, name, NAMESPACE)
        assert found is not None
        assert found["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    cluster.create(vmi("placed", namespace))
    assert vms.running(cluster, namespace, "placed")["status"]["nodeName"] == first
    assert {"name": "registry"} in pod_of(cluster, namespace, "placed")["spec"]["imagePullSecrets"]
    assert edit(cluster, infra=None, workloads=None, imagePullSecrets=None).code == 0
    until("virt-handler is on both nodes", lambda: nodes_of(cluster, "virt-handler") == {first, second}, 60)
    until("guests may go there again", lambda: schedulable(second) == "true", 60)
