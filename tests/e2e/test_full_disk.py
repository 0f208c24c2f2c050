"""The storage under a guest's disk is full: the guest stands still, and goes on by itself when there is room."""

import hashlib
import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.evidence import collect
from tests.e2e.harness.guests import vm
from tests.e2e.harness.storage import SmallVolume
from tests.e2e.harness.waiting import until
from virt_model import paths

SMALL, ENOUGH, WRITTEN = 16, 96, 32
"""MiB: of the storage, of the storage later, and that the guest writes."""
TOLD = "VM Paused due to not enough space on volume: data"


@pytest.fixture
def node(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """A node, and a label that only it has once `cluster` gives it."""
    name = cluster.list("nodes")[-1]["metadata"]["name"]
    label = f"podvirt.test/{uuid.uuid4().hex[:8]}"
    yield name, label
    cluster.kubectl("label", "node", name, f"{label}-")


def hoarder(namespace: str, label: str) -> Object:
    made = vm("hoarder", namespace, grace=0)
    spec = made["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": "data", "disk": {"bus": "virtio"}})
    spec["volumes"].append({"name": "data", "emptyDisk": {"capacity": "64Mi"}})
    spec["nodeSelector"] = {label: "yes"}
    return made


def test_a_full_disk_stops_the_guest_until_there_is_room(
    cluster: Cluster, namespace: str, node: tuple[str, str]
) -> None:
    name, label = node
    cluster.create(hoarder(namespace, label))
    vmi = until("a VMI", lambda: cluster.get("vmi", "hoarder", namespace))
    pod = until("its pod", lambda: cluster.list("pods", namespace, f"kubevirt.io/created-by={vmi['metadata']['uid']}"))
    storage = SmallVolume(cluster, name, pod[0]["metadata"]["uid"], paths.LIBVIRT_VOLUME, SMALL)
    try:
        cluster.kubectl("label", "node", name, f"{label}=yes")
        uid = vms.running(cluster, namespace, "hoarder")["metadata"]["uid"]
        with Console(cluster, namespace, "hoarder") as console:
            console.login()
            console.send(
                f"head -c {WRITTEN << 20} /dev/zero | tr '\\0' x | dd of=/dev/vdb bs=1M conv=fsync; echo wr''itten-$?"
            )
            vms.shows(cluster, namespace, "hoarder", "Paused", 60)
            stopped = cluster.get("vmi", "hoarder", namespace)
            found = vms.condition(stopped, "Paused")
            assert found and found["reason"] == "PausedIOError"
            assert found["message"] == "VMI was paused, low-level IO error detected"
            assert ("Warning", "IOerror", TOLD) in told(cluster, namespace)
            assert TOLD in cluster.virtctl("why", "vm", "hoarder", "-n", namespace).out
            storage.grow(ENOUGH)
            assert console.expect(r"written-\d+", 60).endswith("-0")
            vms.shows(cluster, namespace, "hoarder", "Running", 30)
            now = cluster.get("vmi", "hoarder", namespace)
            assert now and now["metadata"]["uid"] == uid and vms.condition(now, "Paused") is None
            read = console.run(f"dd if=/dev/vdb bs=1M count={WRITTEN} iflag=direct 2>/dev/null | md5sum")
            assert read.split()[0] == hashlib.md5(b"x" * (WRITTEN << 20)).hexdigest(), "a write was lost"
    except AssertionError:
        print(collect(cluster, namespace))
        raise
    finally:
        cluster.delete("vm", "hoarder", namespace, "--cascade=foreground")
        storage.remove()


def told(cluster: Cluster, namespace: str) -> set[tuple[str, str, str]]:
    return {(each["type"], each["reason"], each["message"]) for each in cluster.list("events", namespace)}
