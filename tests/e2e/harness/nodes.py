"""Nodes of the cluster, and whether all is well on them."""

from . import vms
from .cluster import Cluster, Object, Result
from .waiting import until


def ready(cluster: Cluster, node: str) -> str:
    """The status of the node's condition Ready."""
    return str((vms.condition(cluster.get("node", node), "Ready") or {}).get("status"))


def takes_guests(cluster: Cluster, name: str) -> bool:
    """Neither an installation that has just ended nor an earlier loss of the node keeps a guest away."""
    node = cluster.get("node", name)
    allocatable = node["status"].get("allocatable") or {}
    free = not node["spec"].get("taints") and allocatable.get("devices.kubevirt.io/tun", "0") != "0"
    return free and node["metadata"]["labels"].get("kubevirt.io/schedulable") == "true"


def all_is_well(cluster: Cluster) -> bool:
    """On all nodes, with every pod of the system."""
    nodes = [node["metadata"]["name"] for node in cluster.list("nodes")]
    pods = _system(cluster)
    handlers = [pod for pod in pods if pod["metadata"]["labels"].get("kubevirt.io") == "virt-handler"]
    well = all(ready(cluster, node) == "True" for node in nodes) and len(handlers) == len(nodes)
    return well and all(vms.is_true(pod, "Ready") for pod in pods)


def _system(cluster: Cluster) -> list[Object]:
    return [pod for namespace in ("kubevirt", "kube-system") for pod in cluster.list("pods", namespace)]


def reset(cluster: Cluster, node: str, seconds: float) -> None:
    """A power cut, and the power comes back: until all is well, and nothing is still told as it was before."""

    def containers() -> set[str]:
        here = (pod for pod in _system(cluster) if pod["spec"].get("nodeName") == node)
        told = (each for pod in here for each in pod["status"].get("containerStatuses") or [])
        return {each["containerID"] for each in told if each.get("containerID")}

    before = containers()
    assert before
    cluster.node("kill", node)
    cluster.node("start", node)
    until("all is well again", lambda: all_is_well(cluster) and not before & containers(), seconds)


def drain(cluster: Cluster, node: str, seconds: int, *names: str) -> Result:
    """`kubectl drain`, of the launchers of these VMs: others on the node are not this test's."""
    words = (f"--pod-selector=app in ({','.join(names)})", "--ignore-daemonsets", "--delete-emptydir-data")
    return cluster.try_kubectl("drain", node, *words, f"--timeout={seconds}s", seconds=seconds + 60.0)
