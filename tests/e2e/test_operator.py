"""What the operator does to a running installation, seen by a guest that runs and a user who goes on working."""

import base64
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import REPO, Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.installation import NAMESPACE, Load, edit, kubevirt, put_back, settled
from tests.e2e.harness.waiting import until

BEGIN = "-----BEGIN CERTIFICATE-----"
SERVED = "import ssl; print(ssl.get_server_certificate(('127.0.0.1', 8443)))"
COMPONENTS = (("daemonset", "virt-handler"), ("deployment", "virt-controller"), ("deployment", "virt-api"))


def webhook_authorities(cluster: Cluster) -> list[str]:
    """Certificates by which the API server knows virt-api's webhooks, the newest authority's first."""
    found = cluster.get("mutatingwebhookconfiguration", "virt-api-mutator")
    assert found is not None
    return base64.b64decode(found["webhooks"][0]["clientConfig"]["caBundle"]).decode().split(BEGIN)[1:]


def served(cluster: Cluster) -> str:
    """virt-api's own certificate, as one of its pods serves it."""
    said = cluster.kubectl("-n", NAMESPACE, "exec", "deploy/virt-api", "--", "python3", "-c", SERVED)
    return said.strip()


def issued(cluster: Cluster) -> str:
    found = cluster.get("secret", "kubevirt-virt-api-certs", NAMESPACE)
    return base64.b64decode(found["data"]["tls.crt"]).decode().strip() if found else ""


def test_certificates_rotate_under_load_without_a_failed_call(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("calm", namespace))
    vms.running(cluster, namespace, "calm")
    authority, certificate = webhook_authorities(cluster)[0], issued(cluster)
    young = {"ca": {"duration": "168h", "renewBefore": "167h59m"}, "server": {"renewBefore": "23h59m"}}
    with (
        put_back(cluster),
        Console(cluster, namespace, "calm") as console,
        Load(cluster, namespace, "calm") as load,
    ):
        console.login()
        result = edit(cluster, certificateRotateStrategy={"selfSigned": young})
        assert result.code == 0, result.err

        def rotated() -> bool:
            assert console.run("echo he''re").endswith("here"), "one console for all the time"
            return webhook_authorities(cluster)[0] != authority and served(cluster) not in ("", certificate)

        until("another authority is trusted and another certificate served", rotated, 180, every=1)
        assert authority in webhook_authorities(cluster)
    assert load.failures == []
    assert len(load.answered) == 3 and min(load.answered.values()) > 10, load.answered


def other_tag(tag: str) -> str:
    """The images lie on the nodes under two tags."""
    listed = subprocess.run(
        [sys.executable, "-m", "images", "list", "--json"], cwd=REPO, check=True, capture_output=True, text=True
    ).stdout
    tags = next(row["tags"] for row in json.loads(listed) if row["name"] == "virt-operator")
    return str(next(each for each in tags if each != tag))


def versions(cluster: Cluster) -> list[tuple[str, bool]]:
    """For each component in the order of updates: the tag of its image, and whether all its pods run it.

    The last is read first, so that what comes before it is seen as it was then or later.
    """
    found = []
    for kind, name in reversed(COMPONENTS):
        body = cluster.get(kind, name, NAMESPACE)
        assert body is not None
        status, generation = body.get("status", {}), body["metadata"]["generation"]
        if kind == "daemonset":
            wanted, new, ready = (
                status.get(f"{each}", 0)
                for each in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
            )
        else:
            wanted = body["spec"]["replicas"]
            new, ready = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        whole = status.get("observedGeneration") == generation and new == ready == wanted
        found.append((body["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2], whole))
    return found[::-1]


def release(cluster: Cluster, prefix: str, tag: str) -> None:
    """Apply the operator's manifest of a release and follow what it does."""
    render = [sys.executable, "-m", "virt_operator", "render", "operator", "--image-prefix", prefix, "--tag", tag]
    manifest = subprocess.run(render, cwd=REPO, check=True, capture_output=True, text=True).stdout
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)

    def done() -> bool:
        status, seen = kubevirt(cluster)["status"], versions(cluster)
        for before, after in itertools.pairwise(seen):
            assert after[0] != tag or before == (tag, True), f"out of turn: {seen}"
        assert status["phase"] == "Deployed"
        arrived = status["observedKubeVirtVersion"] == tag
        if status["targetKubeVirtVersion"] == tag and not arrived:
            updating.add(vms.is_true(kubevirt(cluster), "Progressing"))
        return arrived and vms.is_true(kubevirt(cluster), "Available") and seen == [(tag, True)] * 3

    updating: set[bool] = set()
    until(f"{tag} is installed", done, 240)
    assert True in updating, "an update is told"
    settled(cluster)


@contextmanager
def undisturbed(cluster: Cluster, namespace: str, name: str) -> Iterator[None]:
    """The guest's processes and its kernel run on, under the launcher that they started with."""

    def life() -> tuple[Object, str]:
        found = cluster.get("vmi", name, namespace)
        assert found is not None
        pod = vms.launcher(cluster, namespace, found)
        statuses = {
            each["name"]: (each["containerID"], each["restartCount"]) for each in pod["status"]["containerStatuses"]
        }
        with Console(cluster, namespace, name) as console:
            console.login()
            return {"uid": found["metadata"]["uid"], "pod": pod["metadata"]["uid"], **statuses}, console.run(
                "cat /proc/sys/kernel/random/boot_id"
            )

    before = life()
    yield
    assert life() == before


def test_podvirt_is_updated_and_taken_back_under_running_guests(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("calm", namespace))
    vms.running(cluster, namespace, "calm")
    status = kubevirt(cluster)["status"]
    prefix, tag = status["observedKubeVirtRegistry"], status["observedKubeVirtVersion"]
    try:
        with undisturbed(cluster, namespace, "calm"), Load(cluster, namespace, "calm") as load:
            release(cluster, prefix, other_tag(tag))
    finally:
        with undisturbed(cluster, namespace, "calm"):
            release(cluster, prefix, tag)
    creates = [each for each in load.failures if " POST " in each]
    assert creates == [], load.failures
