"""A target that cannot be: the guest goes on where it is, both objects say why, and nothing is left of the attempt."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.quantity import quantity_bytes
from localcluster import paths
from localcluster.cluster import store
from localcluster.programs import binaries
from localcluster.render.places import CONTAINERD
from localcluster.report import Report
from tests.e2e.harness import cuts, disk_images
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import Counting, counting, explained
from tests.e2e.harness.vms import condition
from tests.e2e.harness.waiting import until

BORROWED = "localhost/e2e/borrowed:1"
UNPLACED_SECONDS = {"kubevirt.io/migrationUnschedulablePodTimeoutSeconds": "3"}
PENDING_SECONDS = {"kubevirt.io/migrationPendingPodTimeoutSeconds": "10"}
MIB = 1 << 20


@pytest.fixture(scope="module")
def guest(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counting]:
    """One guest for all attempts; its second disk comes in an image that a node may lack."""
    disk_images.load(cluster.name, tmp_path_factory.mktemp("borrowed"), BORROWED, {"data.img": bytes(MIB)})
    with counting(cluster, "poor-targets", _with_the_borrowed_disk) as found:
        yield found


def _with_the_borrowed_disk(machine: Object) -> None:
    spec = machine["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": "borrowed", "disk": {"bus": "virtio"}})
    spec["volumes"].append({"name": "borrowed", "containerDisk": {"image": BORROWED, "imagePullPolicy": "Never"}})


def other_node(cluster: Cluster, guest: Counting) -> str:
    here = guest.vmi["status"]["nodeName"]
    (other,) = {node["metadata"]["name"] for node in cluster.list("nodes")} - {here}
    return str(other)


def fails(guest: Counting, uid: str, **annotations: str) -> str:
    """A migration that must fail while the guest goes on; gives the reason that both objects tell."""
    name = guest.migrate(**annotations)
    migration = guest.over(name, 60)
    kept, state = migration["status"]["migrationState"], guest.state
    assert migration["status"]["phase"] == "Failed"
    assert kept == state and (state["migrationUid"], state["failed"]) == (migration["metadata"]["uid"], True)
    guest.counts_on_alone(uid)
    guest.nothing_left()
    return str(state["failureReason"])


def moves(guest: Counting, uid: str) -> None:
    """With the hindrance gone it does move."""
    assert guest.over(guest.migrate())["status"]["phase"] == "Succeeded"
    guest.counts_on_alone(uid)
    guest.nothing_left()


@contextmanager
def crowded(cluster: Cluster, namespace: str, node: str) -> Iterator[None]:
    """A pod promises itself all but 60 MiB of the memory that the node has left."""
    free = quantity_bytes(cluster.get("node", node)["status"]["allocatable"]["memory"]) - sum(  # type: ignore[index]
        quantity_bytes(container.get("resources", {}).get("requests", {}).get("memory", "0"))
        for pod in cluster.list("pods")
        if pod["spec"].get("nodeName") == node and pod["status"]["phase"] not in ("Succeeded", "Failed")
        for container in pod["spec"]["containers"]
    )
    name = f"ballast-{uuid.uuid4().hex[:5]}"
    container = {
        "name": "ballast", "image": "localhost/podvirt/virt-controller:v0.1.0", "imagePullPolicy": "Never",
        "command": ["sleep", "3600"], "resources": {"requests": {"memory": f"{free // MIB - 60}Mi"}},
    }  # fmt: skip
    spec = {
        "containers": [container], "terminationGracePeriodSeconds": 0,
        "nodeSelector": {"kubernetes.io/hostname": node},
    }  # fmt: skip
    cluster.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    )
    try:
        cluster.kubectl("-n", namespace, "wait", f"pod/{name}", "--for=condition=PodScheduled", "--timeout=60s")
        yield
    finally:
        cluster.delete("pod", name, namespace)


def test_a_node_that_is_full(cluster: Cluster, guest: Counting) -> None:
    with explained(guest):
        uid = guest.counts_on()
        with crowded(cluster, guest.namespace, other_node(cluster, guest)):
            reason = fails(guest, uid, **UNPLACED_SECONDS)
        assert reason.startswith("the target's pod did not start in time: Unschedulable: 0/2 nodes are available")
        assert "Insufficient memory" in reason


def test_a_quota_that_has_no_room(cluster: Cluster, guest: Counting) -> None:
    """It waits, as in KubeVirt, and says what for; then it goes on, or is called off."""
    with explained(guest):
        uid = guest.counts_on()
        quota = {
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full", "namespace": guest.namespace},
            "spec": {"hard": {"pods": "1"}},
        }  # fmt: skip
        cluster.create(quota)
        until("the quota is known", lambda: (cluster.get("quota", "full", guest.namespace) or {})["status"]["used"])
        name = guest.migrate()

        def told() -> Object | None:
            return condition(guest.migration(name), "migrationRejectedByResourceQuota")

        said = until("the migration says that it is refused", told, 30)
        assert said["status"] == "True" and "exceeded quota: full" in said["message"]
        assert guest.migration(name)["status"]["phase"] == "Pending"
        guest.counts_on_alone(uid)
        guest.nothing_left()
        cluster.delete("quota", "full", guest.namespace)
        done = guest.over(name, 120)["status"]
        assert (done["phase"], done.get("conditions", [])) == ("Succeeded", [])
        guest.counts_on_alone(uid)
        guest.nothing_left()


@pytest.mark.long
def test_a_node_that_lacks_the_image_of_a_disk(cluster: Cluster, guest: Counting, tmp_path: Path) -> None:
    with explained(guest):
        uid = guest.counts_on()
        forget_image(cluster, other_node(cluster, guest))
        reason = fails(guest, uid, **PENDING_SECONDS)
        assert reason.startswith("the target's pod did not start in time: ") and BORROWED in reason, reason
        disk_images.load(cluster.name, tmp_path, BORROWED, {"data.img": bytes(MIB)})
        moves(guest, uid)


def forget_image(cluster: Cluster, node: str) -> None:
    """Remove the borrowed disk's image, by every name, from the node's containerd."""
    init = store.of(cluster.name).init_of(node)
    assert init is not None
    ctr = binaries.build_all(paths.cache(), Report()) / "ctr"
    command = [str(ctr), "--address", f"/proc/{init.pid}/root{CONTAINERD}", "--namespace", "k8s.io", "images"]
    listed = subprocess.run([*command, "list"], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    digests = {line.split()[0]: line.split()[2] for line in listed}
    names = [name for name, digest in digests.items() if digest == digests[BORROWED]]
    subprocess.run([*command, "remove", "--sync", *names], capture_output=True, check=True)


@pytest.mark.long
def test_a_way_that_is_closed(cluster: Cluster, guest: Counting) -> None:
    with explained(guest):
        uid = guest.counts_on()
        with cuts.no_way_in(cluster, other_node(cluster, guest)):
            reason = fails(guest, uid)
        assert reason.startswith("no connection to virt-handler of node"), reason
        moves(guest, uid)
