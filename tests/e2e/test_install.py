"""The installation itself: what it reports, keeps, refuses and survives; and that removing it leaves nothing.

What would take podvirt away from other tests runs on a cluster of one node of its own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.e2e.harness.cluster import REPO, Cluster, Object
from tests.e2e.harness.installation import NAMESPACE, kubevirt
from tests.e2e.harness.waiting import holds, until

COMPONENTS = ("virt-operator", "virt-api", "virt-controller", "virt-handler", "virt-launcher")
LONE = "e2e-install"
HANDLER = f"system:serviceaccount:{NAMESPACE}:kubevirt-handler"
NODE_CLAIM = "authentication.kubernetes.io/node-name"
MANAGED = "app.kubernetes.io/managed-by=virt-operator"
KINDS = (
    "crd,clusterrole,clusterrolebinding,apiservice,mutatingwebhookconfiguration,validatingwebhookconfiguration,"
    "validatingadmissionpolicy,validatingadmissionpolicybinding,deployment,daemonset,service,configmap,"
    "serviceaccount,role,rolebinding,poddisruptionbudget"
)
HALTED: Object = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "kept", "namespace": "default"},
    "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": {"devices": {}, "memory": {"guest": "128Mi"}}}}},
}


def condition(cluster: Cluster, kind: str) -> str:
    listed = (kubevirt(cluster).get("status") or {}).get("conditions") or []
    return next((each["status"] for each in listed if each["type"] == kind), "")


def pods(cluster: Cluster, component: str) -> set[str]:
    return {each["metadata"]["uid"] for each in cluster.list("pods", NAMESPACE, f"kubevirt.io={component}")}


def generations(cluster: Cluster) -> dict[str, int]:
    listed = cluster.list("deployments,daemonsets", NAMESPACE, MANAGED)
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in listed}


def test_the_kubevirt_object_tells_that_all_is_ready(cluster: Cluster) -> None:
    until("no pod is missing", lambda: condition(cluster, "Degraded") == "False", 60)
    status = kubevirt(cluster)["status"]
    assert status["phase"] == "Deployed"
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Available": "True",
        "Progressing": "False",
        "Degraded": "False",
        "Created": "True",
    }
    for field in ("KubeVirtVersion", "KubeVirtRegistry", "DeploymentID"):
        assert status[f"observed{field}"] == status[f"target{field}"]
    assert {each["name"] for each in status["generations"]} >= {"virt-api", "virt-controller", "virt-handler"}


def test_two_replicas_lie_on_two_nodes(cluster: Cluster) -> None:
    for component in ("virt-api", "virt-controller", "virt-operator"):
        nodes = [each["spec"]["nodeName"] for each in cluster.list("pods", NAMESPACE, f"kubevirt.io={component}")]
        assert len(set(nodes)) == 2, f"{component}: {nodes}"


def test_a_second_kubevirt_is_refused(cluster: Cluster) -> None:
    second = {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": {"name": "x", "namespace": "default"}}
    assert "Kubevirt is already created" in cluster.refuse({**second, "spec": {}}).err


def test_what_others_change_is_put_right(cluster: Cluster) -> None:
    cluster.delete("poddisruptionbudget", "virt-api-pdb", NAMESPACE)
    until("the budget is back", lambda: cluster.get("poddisruptionbudget", "virt-api-pdb", NAMESPACE), 30)
    change = '[{"op":"replace","path":"/spec/ports/0/port","value":444}]'
    cluster.kubectl("-n", NAMESPACE, "patch", "service", "virt-api", "--type", "json", "-p", change)

    def port() -> bool:
        service = cluster.get("service", "virt-api", NAMESPACE)
        return service is not None and service["spec"]["ports"][0]["port"] == 443

    until("the port is right again", port, 30)


def test_configuration_restarts_nothing(cluster: Cluster) -> None:
    before = {each: pods(cluster, each) for each in COMPONENTS[:4]}
    generation = kubevirt(cluster)["metadata"]["generation"]
    other = 11 if kubevirt(cluster)["spec"]["configuration"].get("memBalloonStatsPeriod") != 11 else 12
    change = f'{{"spec":{{"configuration":{{"memBalloonStatsPeriod":{other}}}}}}}'
    cluster.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type", "merge", "-p", change)
    until("it is observed", lambda: kubevirt(cluster)["status"]["observedGeneration"] > generation, 30)
    assert {each: pods(cluster, each) for each in COMPONENTS[:4]} == before


def test_another_operator_takes_over_and_rewrites_nothing(cluster: Cluster) -> None:
    def holder() -> str:
        lease = cluster.get("lease", "virt-operator", NAMESPACE)
        return str(lease["spec"].get("holderIdentity") or "") if lease else ""

    before, leader = generations(cluster), holder()
    cluster.delete("pod", leader, NAMESPACE)
    until("another leads", lambda: holder() not in ("", leader), 60)
    until("all operators are ready", lambda: condition(cluster, "Available") == "True", 30)
    holds("nothing is rewritten", lambda: generations(cluster) == before, 5)


def test_virt_handler_may_change_only_its_own_node(cluster: Cluster) -> None:
    def label(node: str, key: str, runs_on: str) -> str:
        body = f'{{"metadata":{{"labels":{{"{key}":"1"}}}}}}'
        claim = ["--as", HANDLER, "--as-user-extra", f"{NODE_CLAIM}={runs_on}"]
        return cluster.try_kubectl("patch", "node", node, "--type", "merge", "-p", body, "--dry-run=server", *claim).err

    first, second = sorted(each["metadata"]["name"] for each in cluster.list("nodes"))[:2]
    assert label(first, "kubevirt.io/tried", first) == ""
    assert "only the node it runs on" in label(second, "kubevirt.io/tried", first)
    assert "only KubeVirt's labels" in label(first, "example.org/tried", first)


def test_virt_handler_may_not_read_secrets(cluster: Cluster) -> None:
    answer = cluster.try_kubectl("auth", "can-i", "get", "secrets", "-n", NAMESPACE, "--as", HANDLER)
    assert answer.out.strip() == "no"


@pytest.fixture(scope="module")
def lone() -> Iterator[Cluster]:
    """A cluster of one node with our images and nothing installed."""

    def module(*words: str) -> str:
        command = [sys.executable, "-m", *words]
        return subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True, timeout=900).stdout.strip()

    module("localcluster", "up", "--name", LONE, "--nodes", "1")
    try:
        module("images", "build", *COMPONENTS)
        module("images", "load", *COMPONENTS, "--name", LONE)
        yield Cluster(
            LONE, module("localcluster", "kubeconfig", "--name", LONE), module("localcluster", "kubectl-path")
        )
    finally:
        module("localcluster", "down", "--name", LONE)


def install(cluster: Cluster) -> float:
    """Seconds from the operator's manifest to Available."""
    began = time.monotonic()
    cluster.kubectl("apply", "-f", str(REPO / "manifests" / "operator.yaml"))
    cluster.kubectl("wait", "--for", "condition=Established", "crd/kubevirts.kubevirt.io")
    cluster.kubectl("apply", "-f", str(REPO / "manifests" / "kubevirt-cr.yaml"))
    until("podvirt is available", lambda: condition(cluster, "Available") == "True", 180)
    return time.monotonic() - began


def remove(cluster: Cluster) -> None:
    cluster.kubectl("-n", NAMESPACE, "delete", "kubevirt", "kubevirt", "--timeout=120s", seconds=150)


def leftovers(cluster: Cluster) -> list[str]:
    managed = cluster.kubectl("get", KINDS, "-A", "-l", MANAGED, "-o", "name", "--ignore-not-found").split()
    return managed + [
        each["metadata"]["name"]
        for each in cluster.list("certificatesigningrequests")
        if each["spec"]["signerName"] == "kubevirt.io/virt-handler"
    ]


def test_install_remove_and_install_again(lone: Cluster) -> None:
    print(f"installed in {install(lone):.1f} s")
    change = '{"spec":{"uninstallStrategy":"BlockUninstallIfWorkloadsExist"}}'
    lone.kubectl("-n", NAMESPACE, "patch", "kubevirt", "kubevirt", "--type", "merge", "-p", change)
    lone.create(HALTED)
    refused = lone.try_kubectl("-n", NAMESPACE, "delete", "kubevirt", "kubevirt", "--timeout=20s")
    assert "Rejecting the uninstall request" in refused.err
    lone.delete("vm", "kept", "default")
    remove(lone)
    assert leftovers(lone) == []
    print(f"installed again in {install(lone):.1f} s")
    lone.create(HALTED)
    remove(lone)
    assert leftovers(lone) == []
