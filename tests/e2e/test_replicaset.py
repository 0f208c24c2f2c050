"""A replica set of VMIs over real guests: made, scaled, replaced, paused, orphaned, adopted, deleted."""

import json

import yaml

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import REPO, Cluster, Object
from tests.e2e.harness.guests import vmi_spec
from tests.e2e.harness.waiting import holds, until

EXAMPLE = REPO / "manifests" / "examples" / "vmi-replicaset-tiny.yaml"
LABELS = {"app": "web"}


def replicaset(namespace: str, replicas: int = 2) -> Object:
    template = {"metadata": {"labels": LABELS}, "spec": vmi_spec(grace=5)}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceReplicaSet",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template},
    }


def status(cluster: Cluster, namespace: str, name: str = "web") -> Object:
    found: Object = (cluster.get("vmirs", name, namespace) or {}).get("status") or {}
    return found


def ready(cluster: Cluster, namespace: str, count: int, name: str = "web") -> None:
    wanted = {"replicas": count, "readyReplicas": count} if count else {}

    def probe() -> bool:
        told = status(cluster, namespace, name)
        return {key: told[key] for key in ("replicas", "readyReplicas") if told.get(key)} == wanted

    until(f"{count} replicas ready", probe, 240)


def members(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """Its VMIs that are not going, by UID."""
    found = cluster.list("vmis", namespace, "app=web")
    return {each["metadata"]["uid"]: each for each in found if "deletionTimestamp" not in each["metadata"]}


def patch(cluster: Cluster, namespace: str, **spec: object) -> None:
    cluster.kubectl("-n", namespace, "patch", "vmirs", "web", "--type=merge", "-p", json.dumps({"spec": spec}))


def test_its_number_is_kept(cluster: Cluster, namespace: str) -> None:
    cluster.create(replicaset(namespace))
    ready(cluster, namespace, 2)
    first = members(cluster, namespace)
    assert len(first) == 2
    assert all(each["metadata"]["name"].startswith("web") for each in first.values())

    cluster.kubectl("-n", namespace, "scale", "vmirs", "web", "--replicas=3")
    ready(cluster, namespace, 3)
    path = f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstancereplicasets/web/scale"
    scale = json.loads(cluster.kubectl("get", "--raw", path))
    assert (scale["spec"]["replicas"], scale["status"]) == (3, {"replicas": 3, "selector": "app=web"})
    row = cluster.kubectl("-n", namespace, "get", "vmirs", "web", "--no-headers").split()
    assert row[:4] == ["web", "3", "3", "3"]

    victim = next(iter(first.values()))
    cluster.delete("vmi", victim["metadata"]["name"], namespace, "--wait=false")
    until(
        "a replacement",
        lambda: len(members(cluster, namespace)) == 3 and victim["metadata"]["uid"] not in members(cluster, namespace),
    )
    ready(cluster, namespace, 3)

    cluster.kubectl("-n", namespace, "scale", "vmirs", "web", "--replicas=1")
    ready(cluster, namespace, 1)
    told = vms.reasons(cluster, namespace, "web")
    assert {("Normal", "SuccessfulCreate"), ("Normal", "SuccessfulDelete")} <= told
    assert not {reason for kind, reason in told if kind == "Warning"}


def test_what_ended_is_replaced_and_cleared_away(cluster: Cluster, namespace: str) -> None:
    cluster.create(replicaset(namespace, replicas=1))
    ready(cluster, namespace, 1)
    (ended,) = members(cluster, namespace).values()
    pod = vms.launcher(cluster, namespace, ended)
    cluster.delete("pod", pod["metadata"]["name"], namespace, "--wait=false")
    until("another one", lambda: members(cluster, namespace).keys() - {ended["metadata"]["uid"]})
    vms.gone(cluster, namespace, "vmi", ended["metadata"]["name"])
    ready(cluster, namespace, 1)


def test_a_paused_one_leaves_things_as_they_are(cluster: Cluster, namespace: str) -> None:
    cluster.create(replicaset(namespace, replicas=0))
    until("it is seen", lambda: status(cluster, namespace).get("labelSelector") == "app=web")
    patch(cluster, namespace, paused=True, replicas=1)
    told = until("it is paused", lambda: vms.condition(cluster.get("vmirs", "web", namespace), "ReplicaPaused"))
    assert (told["status"], told["reason"], told["message"]) == ("True", "Paused", "Controller got paused")
    holds("nothing is made", lambda: not members(cluster, namespace), 3)
    patch(cluster, namespace, paused=False)
    until("it is made", lambda: len(members(cluster, namespace)) == 1)
    until("it says so", lambda: vms.condition(cluster.get("vmirs", "web", namespace), "ReplicaPaused") is None)
    until(
        "both are told",
        lambda: (
            {("Normal", "SuccessfulPaused"), ("Normal", "SuccessfulResumed")} <= vms.reasons(cluster, namespace, "web")
        ),
    )


def test_a_template_that_is_refused_is_told(cluster: Cluster, namespace: str) -> None:
    """Memory is asked for by the rules of a VMI, not by those of a template."""
    made = replicaset(namespace, replicas=1)
    del made["spec"]["template"]["spec"]["domain"]["memory"]
    cluster.create(made)
    told = until("it is told", lambda: vms.condition(cluster.get("vmirs", "web", namespace), "ReplicaFailure"))
    assert told["reason"] == "FailedCreate"
    assert "no memory requested" in told["message"]
    until("an event says so", lambda: ("Warning", "FailedCreate") in vms.reasons(cluster, namespace, "web"))
    patch(cluster, namespace, template={"spec": {"domain": {"memory": {"guest": "128Mi"}}}})
    ready(cluster, namespace, 1)
    assert vms.condition(cluster.get("vmirs", "web", namespace), "ReplicaFailure") is None


def test_orphans_stay_and_are_adopted_and_a_deletion_takes_all(cluster: Cluster, namespace: str) -> None:
    cluster.create(replicaset(namespace, replicas=1))
    ready(cluster, namespace, 1)
    cluster.delete("vmirs", "web", namespace, "--cascade=orphan")
    (orphan,) = members(cluster, namespace).values()
    assert not orphan["metadata"].get("ownerReferences")
    cluster.create(replicaset(namespace, replicas=1))
    ready(cluster, namespace, 1)
    (adopted,) = members(cluster, namespace).values()
    assert adopted["metadata"]["uid"] == orphan["metadata"]["uid"]
    assert adopted["metadata"]["ownerReferences"][0]["kind"] == "VirtualMachineInstanceReplicaSet"
    cluster.delete("vmirs", "web", namespace)
    vms.gone(cluster, namespace, "vmi", orphan["metadata"]["name"])


def test_an_autoscaler_can_read_and_set_it(cluster: Cluster, namespace: str) -> None:
    """Without metrics an autoscaler still keeps the number within its bounds: it has read the scale, and written it."""
    cluster.create(replicaset(namespace, replicas=0))
    until("it is seen", lambda: status(cluster, namespace).get("labelSelector") == "app=web")
    patch(cluster, namespace, replicas=3)
    target = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceReplicaSet", "name": "web"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 2}
    kind = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    cluster.create({**kind, "metadata": {"name": "web", "namespace": namespace}, "spec": spec})
    ready(cluster, namespace, 2)
    able = vms.condition(cluster.get("hpa", "web", namespace), "AbleToScale")
    assert able and able["status"] == "True", able


def test_refusals_name_the_field(cluster: Cluster, namespace: str) -> None:
    other = replicaset(namespace)
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert "spec.selector: selector does not match labels." in cluster.refuse(other).err
    broken = replicaset(namespace)
    broken["spec"]["template"]["spec"]["domain"]["devices"]["disks"].append({"name": "nov", "disk": {}})
    assert "spec.template.spec.domain.devices.disks[1].Name 'nov' not found." in cluster.refuse(broken).err


def test_the_example_serves_through_one_service(cluster: Cluster, namespace: str) -> None:
    objects = [*yaml.safe_load_all(EXAMPLE.read_text())]
    assert [each["kind"] for each in objects] == ["VirtualMachineInstanceReplicaSet", "Service"]
    cluster.kubectl("-n", namespace, "apply", "-f", str(EXAMPLE))
    ready(cluster, namespace, 2, "tiny")

    def endpoints() -> bool:
        slices = cluster.list("endpointslices", namespace, "kubernetes.io/service-name=tiny")
        return sum(len(each.get("endpoints") or []) for each in slices) == 2

    until("two endpoints", endpoints)
