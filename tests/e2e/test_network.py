"""Guests on the pod network: DHCP, DNS, Services in both directions, across nodes, masquerade and bridge."""

import json
from typing import Any

import pytest

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vmi
from tests.e2e.harness.waiting import until

TOOLS = "localhost/podvirt/virt-controller:v0.1.0"


def client_pod(namespace: str) -> dict[str, Any]:
    """A pod with Python in it, to speak from."""
    container = {"name": "client", "image": TOOLS, "command": ["sleep", "3600"], "imagePullPolicy": "IfNotPresent"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": namespace}, "spec": spec}


def web_pod(namespace: str) -> dict[str, Any]:
    command = ["python3", "-m", "http.server", "8080", "--directory", "/etc"]
    container = {"name": "web", "image": TOOLS, "command": command, "imagePullPolicy": "IfNotPresent"}
    meta = {"name": "web", "namespace": namespace, "labels": {"app": "web"}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def service(namespace: str, name: str, port: int) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": port, "targetPort": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def on_node(obj: dict[str, Any], node: str) -> dict[str, Any]:
    obj["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return obj


def fetch(cluster: Cluster, namespace: str, url: str) -> str:
    """What an HTTP GET from the client pod answers."""
    program = f"import urllib.request as r; print(r.urlopen({url!r}, timeout=5).read().decode())"
    return cluster.kubectl("-n", namespace, "exec", "client", "--", "python3", "-c", program, seconds=30)


@pytest.mark.parametrize("binding", ["masquerade", "bridge"])
def test_a_guest_is_reached_and_reaches_out(cluster: Cluster, namespace: str, binding: str) -> None:
    guest = vmi("served", namespace, binding=binding)
    cluster.create(guest, client_pod(namespace), web_pod(namespace))
    cluster.create(service(namespace, "served", 80), service(namespace, "web", 8080))
    running = vms.running(cluster, namespace, "served")
    address = running["status"]["interfaces"][0]["ipAddress"]
    cluster.kubectl("-n", namespace, "wait", "pod/client", "pod/web", "--for=condition=Ready", "--timeout=60s")
    with Console(cluster, namespace, "served") as console:
        console.login()
        shown = until("an address by DHCP", lambda: console.run("ip -4 addr show dev eth0 | grep inet"), 60)
        assert ("10.0.2.2" if binding == "masquerade" else address) in shown
        assert "Address" in console.run("nslookup kubernetes.default.svc.cluster.local")
        assert console.run("wget -q -O - http://web:8080/hostname") == "web"
    assert "served" in until("pod to VM", lambda: fetch(cluster, namespace, f"http://{address}/"), 60)
    assert "served" in until("Service to VM", lambda: fetch(cluster, namespace, "http://served/"), 60)


def test_guests_on_two_nodes_speak_to_each_other(cluster: Cluster, namespace: str) -> None:
    nodes = sorted(node["metadata"]["name"] for node in cluster.list("nodes"))[:2]
    cluster.create(*(on_node(vmi(f"on-{node}", namespace), node) for node in nodes))
    there = [vms.running(cluster, namespace, f"on-{node}") for node in nodes]
    assert [guest["status"]["nodeName"] for guest in there] == nodes
    far = there[1]["status"]["interfaces"][0]["ipAddress"]
    with Console(cluster, namespace, f"on-{nodes[0]}") as console:
        console.login()
        page = f"wget -q -T 5 -O - http://{far}/ | grep -o on-{nodes[1]}"
        until("the other guest's page", lambda: console.run(page), 60)


def test_only_declared_ports_are_forwarded(cluster: Cluster, namespace: str) -> None:
    guest = vmi("narrow", namespace)
    guest["spec"]["domain"]["devices"]["interfaces"][0]["ports"] = [{"name": "echo", "port": 7}]
    cluster.create(guest, client_pod(namespace))
    address = vms.running(cluster, namespace, "narrow")["status"]["interfaces"][0]["ipAddress"]
    cluster.kubectl("-n", namespace, "wait", "pod/client", "--for=condition=Ready", "--timeout=60s")
    program = (
        "import socket,sys; s=socket.create_connection((sys.argv[1],7),5); s.sendall(b'ping\\n'); "
        "s.settimeout(5); print(s.recv(16).decode())"
    )
    words = ("-n", namespace, "exec", "client", "--", "python3", "-c", program, address)
    assert "ping" in until("the declared port echoes", lambda: cluster.kubectl(*words, seconds=30), 60)
    with pytest.raises(RuntimeError):
        fetch(cluster, namespace, f"http://{address}/")


def test_the_interfaces_are_told(cluster: Cluster, namespace: str) -> None:
    cluster.create(vmi("told", namespace))
    interface = vms.running(cluster, namespace, "told")["status"]["interfaces"][0]
    assert {
        "name": "default",
        "infoSource": "domain",
        "podInterfaceName": "eth0",
        "linkState": "up",
        "queueCount": 1,
    }.items() <= (interface.items()), json.dumps(interface)
    assert interface["mac"] and interface["ipAddress"] == interface["ipAddresses"][0]
