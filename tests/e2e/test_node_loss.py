"""A power cut: nothing is started elsewhere until the node is certainly off."""

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import diskless, vm
from tests.e2e.harness.nodes import all_is_well, ready, takes_guests
from tests.e2e.harness.waiting import until

NODE = "node2"
TAINT = "node.kubernetes.io/out-of-service"


def test_a_dead_nodes_vm_runs_elsewhere_once_the_node_is_certainly_off(cluster: Cluster, namespace: str) -> None:
    machine = diskless(vm("survivor", namespace))
    there = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}]}
    preferred = [{"weight": 100, "preference": there}]
    machine["spec"]["template"]["spec"]["affinity"] = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}
    }
    until(f"{NODE} takes guests", lambda: takes_guests(cluster, NODE), 120)
    cluster.create(machine)
    before = vms.running(cluster, namespace, "survivor")
    assert before["status"]["nodeName"] == NODE
    pod = vms.launcher(cluster, namespace, before)["metadata"]["name"]
    cluster.node("kill", NODE)
    try:
        until(f"{NODE} is given up", lambda: ready(cluster, NODE) == "Unknown", 120)
        cluster.delete("pod", pod, namespace, "--force", "--grace-period=0", "--wait=false")

        def pod_missed() -> bool:
            claim = vms.condition(cluster.get("vmi", "survivor", namespace), "Ready") or {}
            return claim.get("reason") == "PodNotExists"

        until("the pod is missed", pod_missed, 60)
        assert vms.phase(cluster, namespace, "survivor") == "Running", "a missing pod is no proof"
        said = " ".join(cluster.virtctl("why", "vm", "survivor", "-n", namespace).out.split())
        assert f"waits for its node {NODE}, which is lost" in said and TAINT in said
        cluster.kubectl("taint", "node", NODE, f"{TAINT}=nodeshutdown:NoExecute")
        after = vms.replaced(cluster, namespace, "survivor", before["metadata"]["uid"])
        assert after["status"]["nodeName"] != NODE
        assert ("Warning", "NodeOutOfService") in vms.reasons(cluster, namespace, "survivor")
    finally:
        cluster.node("start", NODE)
        cluster.try_kubectl("taint", "node", NODE, f"{TAINT}-")
        until("all is well again", lambda: all_is_well(cluster), 240)
