"""Connections across a move: those in the guest live on, those through the old pod are reset, new ones succeed."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.waiting import until

GUEST = "served"
TOOLS = "localhost/podvirt/virt-controller:v0.1.0"
NEW_SECONDS = 20.0
"""So long may no new connection to the Service succeed: the guest stands still, and the Service changes its mind."""
ENDED_SECONDS = 20.0
"""So soon after the move do old connections end."""
CLIENT = """
import json, socket, threading, time
def say(**what):
    print(json.dumps({"at": time.time(), **what}), flush=True)
def talk(name, pause):
    count = 0
    try:
        with socket.create_connection(("served", 7), 5) as line:
            line.settimeout(None)
            while True:
                count += 1
                line.sendall(b"%d\\n" % count)
                if not line.recv(64):
                    return say(name=name, end="closed")
                say(name=name, count=count)
                if pause is None and not line.recv(64):
                    return say(name=name, end="closed")
                time.sleep(pause or 1)
    except OSError as error:
        say(name=name, end=type(error).__name__)
def fresh():
    while True:
        try:
            with socket.create_connection(("served", 7), 1) as line:
                line.settimeout(1)
                line.sendall(b"new\\n")
                say(name="fresh", ok=line.recv(64) == b"new\\n")
        except OSError as error:
            say(name="fresh", ok=False, why=type(error).__name__)
        time.sleep(0.2)
for name, pause in (("busy", 0.3), ("idle", None)):
    threading.Thread(target=talk, args=(name, pause)).start()
fresh()
"""
"""Speaks with the guest's echo on one connection all the time, waits on another, and opens new ones."""
ECHO = """
import json, socket, threading, time
def serve(line, peer):
    try:
        while data := line.recv(64):
            line.sendall(data)
        end = "closed"
    except OSError as error:
        end = type(error).__name__
    print(json.dumps({"at": time.time(), "peer": peer, "end": end}), flush=True)
listener = socket.create_server(("", 7))
while True:
    line, (peer, _) = listener.accept()
    threading.Thread(target=serve, args=(line, peer)).start()
"""
"""What the guest speaks with; says how each connection ended."""
TALKS = (
    "(while :; do echo hello; sleep 1; done | nc 127.0.0.1 7 > /run/inside; echo $? > /run/inside.end) &",
    "((echo hello; sleep 600) | nc echo 7 > /run/idle; echo $? > /run/idle.end) &",
    "(while :; do echo hello; sleep 1; done | nc echo 7 > /run/busy; echo $? > /run/busy.end) &",
)
"""Of the guest: with itself, and idly and busily with a Service."""


def pod(name: str, namespace: str, program: str) -> Object:
    container = {"name": name, "image": TOOLS, "command": ["python3", "-c", program], "imagePullPolicy": "IfNotPresent"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def service(name: str, namespace: str) -> Object:
    spec = {"selector": {"app": name}, "ports": [{"port": 7}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def said(cluster: Cluster, namespace: str, name: str) -> list[dict[str, Any]]:
    lines = cluster.kubectl("-n", namespace, "logs", name).splitlines()
    return [json.loads(line) for line in lines]


def test_connections_across_a_move(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm(GUEST, namespace, grace=0), *(service(name, namespace) for name in (GUEST, "echo")))
    cluster.create(pod("echo", namespace, ECHO))
    before = vms.running(cluster, namespace, GUEST)["status"]
    with Console(cluster, namespace, GUEST) as console:
        console.login()
        until("a name server", lambda: "Address" in console.run("nslookup echo"), 60)
        address = console.run("ip -4 -o addr show dev eth0")
        for talk in TALKS:
            console.run(f"{talk} true")
        until("all talks have begun", lambda: console.run("cd /run; wc -l inside idle busy | grep -c ' 0 '") == "0", 30)
    cluster.create(pod("client", namespace, CLIENT))
    until("the client has all its answers", lambda: _talks(said(cluster, namespace, "client")), 60)

    answer = cluster.virtctl("migrate", GUEST, "-n", namespace, "--wait", seconds=180)
    assert answer.code == 0, (answer.out, answer.err)
    after = vms.running(cluster, namespace, GUEST)["status"]
    assert after["interfaces"][0]["ipAddress"] != before["interfaces"][0]["ipAddress"]

    until("new connections succeed", lambda: said(cluster, namespace, "client")[-1].get("ok"), NEW_SECONDS)
    ends = until("the client's old ones have ended", lambda: _ends(said(cluster, namespace, "client")), ENDED_SECONDS)
    assert ends == {"busy": "ConnectionResetError", "idle": "ConnectionResetError"}
    assert longest_gap(said(cluster, namespace, "client")) < NEW_SECONDS

    def told() -> bool:
        ended = [
            line for line in said(cluster, namespace, "echo") if line["peer"] == before["interfaces"][0]["ipAddress"]
        ]
        return [line["end"] for line in ended] == ["ConnectionResetError"] * 2

    until("whom the guest spoke with knows too", told, ENDED_SECONDS)
    with Console(cluster, namespace, GUEST) as console:
        console.send("")
        console.expect("# ")
        assert console.run("ip -4 -o addr show dev eth0") == address, "its own address stays"
        heard = int(console.run("wc -l < /run/inside"))
        until("its connection with itself lives on", lambda: int(console.run("wc -l < /run/inside")) > heard, 30)
        assert "No such file" in console.run("cat /run/inside.end")
        until("its busy one has ended", lambda: "No such file" not in console.run("cat /run/busy.end"), ENDED_SECONDS)
        assert "again" in console.run("echo again | timeout 3 nc echo 7"), "a new one succeeds"


def _talks(lines: list[dict[str, Any]]) -> bool:
    return {"busy", "idle", "fresh"} <= {line["name"] for line in lines}


def _ends(lines: list[dict[str, Any]]) -> dict[str, str] | None:
    found = {line["name"]: line["end"] for line in lines if "end" in line}
    return found if len(found) == 2 else None


def longest_gap(lines: list[dict[str, Any]]) -> float:
    """Seconds between two new connections that succeeded."""
    good = [line["at"] for line in lines if line.get("ok")]
    return float(max(later - earlier for earlier, later in pairwise(good)))
