"""Twenty lives leave nothing behind on the nodes."""

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vmi
from tests.e2e.harness.waiting import until

COUNT = """
import json, os, subprocess
def lines(*words):
    return subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
cgroups = [d for d, _, _ in os.walk('/sys/fs/cgroup') if 'pod' in os.path.basename(d)]
state = [os.path.join(d, f) for d, _, files in os.walk('/var/run/kubevirt-private') for f in files]
count = {
    'processes': sum(name.isdigit() for name in os.listdir('/proc')),
    'mounts': len(open('/proc/1/mounts').readlines()),
    'links': len(os.listdir('/sys/class/net')),
    'cgroups': len(cgroups),
    'files': len(state),
    'pods': len(os.listdir('/pods')),
}
print(json.dumps(count))
"""


def handlers(cluster: Cluster) -> dict[str, str]:
    """Node -> its virt-handler pod."""
    pods = cluster.list("pods", "kubevirt", "kubevirt.io=virt-handler")
    return {pod["spec"]["nodeName"]: pod["metadata"]["name"] for pod in pods}


def count(cluster: Cluster) -> dict[str, str]:
    """Node -> what is counted there, seen from virt-handler, which has the node's processes and files in view."""
    words = ("exec", "{pod}", "--", "python3", "-c", COUNT)
    return {
        node: cluster.kubectl("-n", "kubevirt", *(w.format(pod=pod) if w == "{pod}" else w for w in words))
        for node, pod in handlers(cluster).items()
    }


def test_twenty_lives_leave_nothing(cluster: Cluster, namespace: str) -> None:
    def quiet() -> dict[str, str] | None:
        launchers = cluster.list("pods", None, "kubevirt.io=virt-launcher")
        ending = [
            p for p in launchers if "deletionTimestamp" in p["metadata"] or p["metadata"]["namespace"] == namespace
        ]
        return None if ending else count(cluster)

    cluster.create(vmi("warm-up", namespace))
    vms.running(cluster, namespace, "warm-up")
    cluster.delete("vmi", "warm-up", namespace, "--grace-period=0", "--wait=false")
    vms.gone(cluster, namespace, "vmi", "warm-up")
    before = until("no launcher of this test, and none that ends", quiet, 120)
    for life in range(20):
        cluster.create(vmi(f"life-{life}", namespace, grace=0))
        vms.reaches(cluster, namespace, f"life-{life}", "Running")
        cluster.delete("vmi", f"life-{life}", namespace, "--wait=false")
        vms.gone(cluster, namespace, "vmi", f"life-{life}")

    def as_before() -> bool:
        now = quiet()
        if now is not None and now != before:
            raise LookupError(f"before {before}, now {now}")
        return now is not None

    until("nothing more than before", as_before, 90, every=2.0)
