"""What cannot run says why, and hangs nothing."""

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vm, vmi
from tests.e2e.harness.waiting import until


def test_unschedulable(cluster: Cluster, namespace: str) -> None:
    guest = vm("nowhere", namespace)
    guest["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "no-such-node"}
    cluster.create(guest)
    vms.shows(cluster, namespace, "nowhere", "ErrorUnschedulable")
    found = vms.condition(cluster.get("vmi", "nowhere", namespace), "PodScheduled")
    assert found and found["status"] == "False" and found["reason"] == "Unschedulable"
    cluster.delete("vm", "nowhere", namespace)


def test_an_image_that_cannot_be_pulled(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("nopull", namespace, image="localhost/podvirt/no-such-disk:v1"))
    until(
        "the image error is shown",
        lambda: (
            vms.status_of(cluster, namespace, "nopull").get("printableStatus") in ("ErrImagePull", "ImagePullBackOff")
        ),
        120,
    )
    cluster.delete("vm", "nopull", namespace)
    vms.gone(cluster, namespace, "vmi", "nopull", 60)


def test_an_image_without_a_disk(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("nodisk", namespace, image="localhost/podvirt/virt-controller:v0.1.0"))

    def told() -> str | None:
        found = vms.condition(cluster.get("vmi", "nodisk", namespace), "Synchronized")
        return found["message"] if found and found["status"] == "False" else None

    message = until("the cause stands in a condition", told, 120)
    assert "/disk" in message and "root" in message, message
    assert ("Warning", "SyncFailed") in vms.reasons(cluster, namespace, "nodisk")
    cluster.delete("vmi", "nodisk", namespace)
    vms.gone(cluster, namespace, "vmi", "nodisk", 60)


def broken(namespace: str, case: str) -> dict[str, object]:
    guest = vmi("broken", namespace)
    devices = guest["spec"]["domain"]["devices"]
    if case == "disk without volume":
        devices["disks"].append({"name": "nov", "disk": {"bus": "virtio"}})
    elif case == "bus":
        devices["disks"][0]["disk"]["bus"] = "ide"
    elif case == "network":
        guest["spec"]["networks"].append({"name": "n2", "pod": {}})
    elif case == "no domain":
        del guest["spec"]["domain"]
    elif case == "not supported yet":
        guest["spec"]["volumes"].append({"name": "v", "hostDisk": {"path": "/x", "type": "Disk"}})
    elif case == "type":
        guest["spec"]["domain"]["memory"]["guest"] = ["a list"]
    return guest


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("disk without volume", "spec.domain.devices.disks[1].Name 'nov' not found."),
        ("network", "spec.networks[1].name 'n2' not found."),
        ("no domain", "spec.domain in body is required"),
        ("not supported yet", "spec.volumes[1].hostDisk"),
        ("type", "spec.domain.memory.guest"),
    ],
)
def test_invalid_manifests(cluster: Cluster, namespace: str, case: str, words: str) -> None:
    result = cluster.refuse(broken(namespace, case))
    assert words in result.err, result.err
    assert cluster.get("vmi", "broken", namespace) is None


def test_a_name_that_is_taken(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("taken", namespace, strategy="Halted"))
    again = cluster.refuse(vm("taken", namespace, strategy="Halted"))
    assert "already exists" in again.err
