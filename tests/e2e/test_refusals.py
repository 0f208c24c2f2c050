"""What cannot run says why, and hangs nothing."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.harness import disk_images, vms
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


def qcow2(directory: Path, *options: str) -> bytes:
    """What `qemu-img create` writes for these options."""
    made = directory / "made.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(made), "8M"], check=True)
    return made.read_bytes()


def no_disk(_: Path) -> dict[str, bytes]:
    return {}


def two_disks(directory: Path) -> dict[str, bytes]:
    return {"a.qcow2": qcow2(directory), "b.qcow2": qcow2(directory)}


def backed_disk(directory: Path) -> dict[str, bytes]:
    return {"a.qcow2": qcow2(directory, "-u", "-b", "/etc/passwd", "-F", "raw")}


def corrupt_disk(directory: Path) -> dict[str, bytes]:
    return {"a.qcow2": qcow2(directory)[:80]}


def empty_file(_: Path) -> dict[str, bytes]:
    return {"a.img": b""}


@pytest.mark.parametrize(
    ("disks", "words"),
    [
        (no_disk, "the image has no disk: put one qcow2 or raw file, readable by user 107, under /disk"),
        (two_disks, "a.qcow2"),
        (backed_disk, "backing file"),
        (corrupt_disk, "corrupt"),
        (empty_file, "the file is empty"),
    ],
)
def test_an_image_that_is_no_container_disk(
    cluster: Cluster, namespace: str, tmp_path: Path, disks: Callable[[Path], dict[str, bytes]], words: str
) -> None:
    image = f"localhost/podvirt/{disks.__name__.replace('_', '-')}:test"
    disk_images.load(cluster.name, tmp_path, image, disks(tmp_path))
    cluster.create(vmi("bad", namespace, image=image))

    def told() -> str | None:
        found = vms.condition(cluster.get("vmi", "bad", namespace), "Synchronized")
        return found["message"] if found and found["status"] == "False" else None

    message = until("the cause stands in a condition", told, 120)
    assert words in message and "root" in message, message
    assert ("Warning", "SyncFailed") in vms.reasons(cluster, namespace, "bad")
    cluster.delete("vmi", "bad", namespace)
    vms.gone(cluster, namespace, "vmi", "bad", 30)


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
        guest["spec"]["volumes"].append({"name": "v", "sysprep": {"configMap": {"name": "x"}}})
    elif case == "type":
        guest["spec"]["domain"]["memory"]["guest"] = ["a list"]
    return guest


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("disk without volume", "spec.domain.devices.disks[1].Name 'nov' not found."),
        ("network", "spec.networks[1].name 'n2' not found."),
        ("no domain", "spec.domain in body is required"),
        ("not supported yet", "spec.volumes[1].sysprep"),
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
