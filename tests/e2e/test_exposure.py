"""Guests behind Services: one VMI by its own label, a name by its subdomain, and only while it is ready."""

from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.guests import vmi
from tests.e2e.harness.waiting import holds, until
from tests.e2e.test_network import client_pod, fetch

#: longer than a label's value may be: the label holds 54 characters and a hash
LONG = "guest-" + "x" * 64
VMI_ID = "vmi.kubevirt.io/id"


def service(namespace: str, name: str, selector: dict[str, str], **more: Any) -> dict[str, Any]:
    spec = {"selector": selector, "ports": [{"port": 80}], **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def addresses(cluster: Cluster, namespace: str, name: str) -> list[str]:
    """Where a Service sends to."""
    slices = cluster.list("endpointslices", namespace, f"kubernetes.io/service-name={name}")
    return [
        address
        for each in slices
        for endpoint in each.get("endpoints") or []
        if endpoint["conditions"].get("ready")
        for address in endpoint["addresses"]
    ]


@pytest.mark.parametrize("name", ["alone", LONG], ids=["short", "long"])
def test_a_service_of_one_vmi(cluster: Cluster, namespace: str, name: str) -> None:
    alone = vmi(name, namespace)
    del alone["metadata"]["labels"]
    cluster.create(alone, client_pod(namespace))
    guest = vms.running(cluster, namespace, name)
    label = vms.launcher(cluster, namespace, guest)["metadata"]["labels"][VMI_ID]
    assert len(label) <= 63 and label.startswith(name[:54])
    cluster.create(service(namespace, "front", {VMI_ID: label}))
    own = guest["status"]["interfaces"][0]["ipAddress"]
    until("the Service sends to the guest", lambda: addresses(cluster, namespace, "front") == [own])
    cluster.kubectl("-n", namespace, "wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    until("the guest answers through it", lambda: fetch(cluster, namespace, "http://front/"), 120)


def test_a_guest_has_a_name_under_its_subdomain(cluster: Cluster, namespace: str) -> None:
    named = vmi("one", namespace)
    named["spec"] |= {"hostname": "web", "subdomain": "farm"}
    cluster.create(named, client_pod(namespace), service(namespace, "farm", {"app": "one"}, clusterIP="None"))
    address = vms.running(cluster, namespace, "one")["status"]["interfaces"][0]["ipAddress"]
    cluster.kubectl("-n", namespace, "wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    program = f"import socket; print(socket.gethostbyname('web.farm.{namespace}.svc.cluster.local'))"
    words = ("-n", namespace, "exec", "client", "--", "python3", "-c", program)
    until("its name is known", lambda: cluster.kubectl(*words).strip() == address, 60)


def test_nothing_is_sent_to_a_guest_that_is_not_ready(cluster: Cluster, namespace: str) -> None:
    """Nobody answers on the probed port. The pod's gate is open, so it is the probe that decides."""
    late = vmi("late", namespace)
    late["spec"]["readinessProbe"] = {"httpGet": {"port": 81}, "periodSeconds": 1}
    cluster.create(late, service(namespace, "late", {"app": "late"}))
    guest = vms.reaches(cluster, namespace, "late", "Running")
    pod = vms.launcher(cluster, namespace, guest)
    assert pod["spec"]["readinessGates"] == [{"conditionType": "kubevirt.io/virtual-machine-unpaused"}]
    name, gate = pod["metadata"]["name"], "kubevirt.io/virtual-machine-unpaused"
    opened = until("the gate is open", lambda: vms.condition(cluster.get("pod", name, namespace), gate))
    assert (opened["status"], opened["reason"]) == ("True", "NotPaused")
    holds("nothing is sent", lambda: addresses(cluster, namespace, "late") == [], 3)
    found = vms.condition(cluster.get("vmi", "late", namespace), "Ready")
    assert found and (found["status"], found["reason"]) == ("False", "ContainersNotReady")
