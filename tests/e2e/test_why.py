"""`virtctl why` names the first cause of real trouble, and what to do."""

from pathlib import Path

from tests.e2e.harness import disk_images, vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vm, vmi
from tests.e2e.harness.launchers import LAUNCHER, kill_in_launcher
from tests.e2e.harness.waiting import until


def why(cluster: Cluster, namespace: str, kind: str, name: str) -> str:
    """The answer with its line breaks and indents taken out."""
    result = cluster.virtctl("-n", namespace, "why", kind, name)
    assert result.code == 0, result.err
    return " ".join(result.out.split())


def says(cluster: Cluster, namespace: str, kind: str, name: str, words: str) -> str:
    def probe() -> str:
        text = why(cluster, namespace, kind, name)
        return text if words in text else ""

    return until(f"why {kind} {name} says {words!r}", probe, 120)


def test_too_big_for_every_node(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("big", namespace, memory="4Ti"))
    text = says(cluster, namespace, "vm", "big", "waits for a node with enough memory")
    for node in cluster.list("nodes"):
        assert f"{node['metadata']['name']}: memory: 4" in text, text
    assert "Node - <-- here" in text, text
    assert "spec.template.spec.domain.memory.guest" in text, text


def test_an_image_that_nobody_has(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("nopull", namespace, image="localhost/podvirt/no-such-disk:v1"))
    text = says(cluster, namespace, "vm", "nopull", "waits for an image that cannot be pulled")
    assert "volume root: localhost/podvirt/no-such-disk:v1" in text, text


def test_an_image_without_a_disk(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    image = "localhost/podvirt/why-no-disk:test"
    disk_images.load(cluster.name, tmp_path, image, {})
    cluster.create(vmi("empty", namespace, image=image))
    text = says(cluster, namespace, "vmi", "empty", "waits for a disk image that can be used")
    assert "the image has no disk" in text, text


def test_a_pod_that_does_not_fit_into_the_quota(cluster: Cluster, namespace: str) -> None:
    quota = {"metadata": {"name": "none", "namespace": namespace}, "spec": {"hard": {"pods": "0"}}}
    cluster.create({"apiVersion": "v1", "kind": "ResourceQuota", **quota})
    until("the quota counts", lambda: (cluster.get("quota", "none", namespace) or {}).get("status"), 30)
    cluster.create(vm("over", namespace))
    text = says(cluster, namespace, "vm", "over", "waits for room in the quota of its namespace")
    assert "exceeded quota: none" in text and "Pod - <-- here" in text, text


def test_a_launcher_that_was_killed(cluster: Cluster, namespace: str) -> None:
    """The guest's pod is gone when somebody asks; what is told of its end has outlived it."""
    cluster.create(vm("killed", namespace), vmi("once", namespace))
    running, bare = (vms.running(cluster, namespace, name) for name in ("killed", "once"))
    assert "waits for nothing" in why(cluster, namespace, "vm", "killed")
    for each in (running, bare):
        kill_in_launcher(cluster, namespace, vms.launcher(cluster, namespace, each)["metadata"]["name"], LAUNCHER)
    text = says(cluster, namespace, "vmi", "once", "killed by signal 9")
    assert "has failed: its launcher ended" in text, text
    vms.replaced(cluster, namespace, "killed", running["metadata"]["uid"])
    text = why(cluster, namespace, "vm", "killed")
    assert "an earlier guest of this name failed" in text and "the launcher was killed by signal 9" in text, text
