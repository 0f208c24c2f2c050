"""What is done to a guest that runs, and its ports and screen; one VM serves many checks."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import REPO, Cluster
from tests.e2e.harness.console import LOGIN, Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.rest import SUBRESOURCES, call, one
from tests.e2e.harness.waiting import holds, until


def said(cluster: Cluster, namespace: str, *words: str) -> str:
    result = cluster.virtctl(*words, "-n", namespace)
    assert result.code == 0, result.err
    return result.out.strip()


def refused(cluster: Cluster, namespace: str, *words: str) -> str:
    result = cluster.virtctl(*words, "-n", namespace)
    assert result.code == 1 and "Traceback" not in result.err
    return result.err.strip()


def gate(cluster: Cluster, namespace: str) -> str:
    """Status of the launcher pod's readiness gate."""
    pods = cluster.list("pods", namespace, "kubevirt.io=virt-launcher")
    found = vms.condition(pods[0], "kubevirt.io/virtual-machine-unpaused")
    return found["status"] if found else ""


def test_a_guest_started_paused_let_run_paused_and_rebooted(cluster: Cluster, namespace: str) -> None:
    cluster.create(vm("still", namespace, strategy="Halted"))
    vms.shows(cluster, namespace, "still", "Stopped")
    conflict = 'Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "still"'
    assert refused(cluster, namespace, "pause", "vm", "still") == (
        "Error pausing VirtualMachineInstance still. VirtualMachine still is not set to run"
    )

    assert said(cluster, namespace, "start", "still", "--paused") == "VM still was scheduled to start"
    vms.shows(cluster, namespace, "still", "Paused")
    vmi = vms.reaches(cluster, namespace, "still", "Running")
    assert vmi["spec"]["startStrategy"] == "Paused"
    paused = vms.condition(vmi, "Paused")
    assert paused and (paused["reason"], paused["message"]) == ("PausedByUser", "VMI was paused by user")
    assert refused(cluster, namespace, "pause", "vmi", "still").endswith(f"{conflict}: VMI is already paused")
    assert refused(cluster, namespace, "soft-reboot", "still").endswith(f"{conflict}: VMI is paused")

    with Console(cluster, namespace, "still") as console:
        assert said(cluster, namespace, "unpause", "vm", "still") == "VMI still was scheduled to unpause"
        vms.shows(cluster, namespace, "still", "Running")
        console.login()
        assert refused(cluster, namespace, "unpause", "vmi", "still").endswith(f"{conflict}: VMI is not paused")

        dry = said(cluster, namespace, "pause", "vm", "still", "--dry-run")
        assert dry == "Dry Run execution\nVMI still was scheduled to pause"

        def runs() -> bool:
            return not vms.is_true(cluster.get("vmi", "still", namespace), "Paused")

        holds("a dry run pauses nothing", runs, 2)

        assert said(cluster, namespace, "pause", "vm", "still") == "VMI still was scheduled to pause"
        vms.shows(cluster, namespace, "still", "Paused")
        until("the pod's gate is shut", lambda: gate(cluster, namespace) == "False")
        assert said(cluster, namespace, "unpause", "vmi", "still") == "VMI still was scheduled to unpause"
        until("the pod's gate is open", lambda: gate(cluster, namespace) == "True")

        assert said(cluster, namespace, "soft-reboot", "still") == "VMI still was scheduled to soft-reboot"
        console.expect(LOGIN, 120)
        assert said(cluster, namespace, "reset", "still") == "VMI still was scheduled to reset"
        console.expect(LOGIN, 120)

    same = vms.running(cluster, namespace, "still")
    assert same["metadata"]["uid"] == vmi["metadata"]["uid"], "the same VMI all the time"

    def told() -> bool:
        wanted = {("Normal", why) for why in ("Paused", "Unpaused", "SoftRebooted", "Reset")}
        return wanted <= vms.reasons(cluster, namespace, "still")

    until("every action has its event", told)
    assert not [kind for kind, _ in vms.reasons(cluster, namespace, "still") if kind == "Warning"]


@contextmanager
def helper(cluster: Cluster, namespace: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A virtctl that keeps running."""
    command = [sys.executable, "-m", "virtctl", "--kubeconfig", cluster.kubeconfig, *words, "-n", namespace]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=REPO, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def local_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stderr
    return int(process.stderr.readline().split()[2].rpartition(b":")[2])


@contextmanager
def forwarded(cluster: Cluster, namespace: str, target: str, port: int) -> Iterator[socket.socket]:
    """A connection to a TCP port of a guest."""
    with (
        helper(cluster, namespace, "port-forward", target, f"0:{port}") as forward,
        socket.create_connection(("127.0.0.1", local_port(forward)), 30) as client,
    ):
        yield client


def no_stream(cluster: Cluster, path: str) -> str:
    """Why a WebSocket is refused."""
    return call(cluster, "GET", path, upgrade=True).message


def received(client: socket.socket, wanted: bytes) -> bytes:
    """Everything that came until `wanted`, or the end."""
    client.settimeout(30)
    data = b""
    while wanted not in data and (more := client.recv(4096)):
        data += more
    return data


def test_ports_and_the_screen_of_a_guest(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    cluster.create(vm("open", namespace, strategy="Halted"))
    assert "VMI is not started" in no_stream(cluster, f"{one(namespace, 'vm', 'open')}/portforward/7")
    said(cluster, namespace, "start", "open")
    vms.running(cluster, namespace, "open")
    with Console(cluster, namespace, "open") as console:
        console.login()
        with forwarded(cluster, namespace, "vm/open", 7) as client:
            client.sendall(b"through the API server\n")
            assert received(client, b"\n") == b"through the API server\n"
        with forwarded(cluster, namespace, "vmi/open", 80) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in received(client, b"</html>").splitlines()[0]
        with helper(cluster, namespace, "port-forward", "--stdio", f"vmi/open/{namespace}", "7") as forward:
            assert forward.stdin and forward.stdout
            forward.stdin.write(b"SSH-2.0\n")
            forward.stdin.flush()
            assert forward.stdout.readline() == b"SSH-2.0\n"
        closed = "awk '/^Udp:/ {n = $3} END {print n}' /proc/net/snmp"  # datagrams that nobody listened for
        before = int(console.run(closed))
        with helper(cluster, namespace, "port-forward", "vmi/open", "udp/0:9") as forward:
            there = ("127.0.0.1", local_port(forward))
            with socket.socket(type=socket.SOCK_DGRAM) as client:

                def arrived() -> bool:
                    client.sendto(b"anybody?", there)
                    return int(console.run(closed)) > before

                until("a datagram reaches the guest", arrived, 30)
        refusal = no_stream(cluster, f"{one(namespace, 'vmi', 'open')}/portforward/8")
        assert "dialing VM: dial tcp " in refusal and refusal.endswith(":8: connect: connection refused")

    picture = tmp_path / "screen.png"
    assert said(cluster, namespace, "vnc", "screenshot", "open", "-f", str(picture), "-m") == ""
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) > 500
    with helper(cluster, namespace, "vnc", "open", "--proxy-only") as proxy:
        assert proxy.stdout
        port = json.loads(proxy.stdout.readline())["port"]
        with socket.create_connection(("127.0.0.1", port), 30) as viewer:
            assert received(viewer, b"\n") == b"RFB 003.008\n"
            preserved = no_stream(cluster, f"{one(namespace, 'vmi', 'open')}/vnc?preserveSession=true")
            assert preserved.endswith("application info: Active VNC connection. Request denied.")
            assert "Active VNC connection" in refused(cluster, namespace, "vnc", "screenshot", "open", "-f", "-")
            with helper(cluster, namespace, "vnc", "open", "--proxy-only") as second:
                assert second.stdout and second.stdout.readline()
                assert viewer.recv(100) == b"", "the second one has taken the screen over"


def test_questions_and_refusals(cluster: Cluster, namespace: str) -> None:
    made = vm("asked", namespace, strategy="Halted")
    cluster.create(made)
    stored = cluster.get("vm", "asked", namespace)
    assert stored
    assert json.loads(said(cluster, namespace, "expand", "--vm", "asked", "-o", "json"))["spec"] == stored["spec"]
    namespaced = f"{SUBRESOURCES}/namespaces/{namespace}"
    named = {**made, "spec": {**made["spec"], "instancetype": {"name": "u1"}}}
    answer = call(cluster, "PUT", f"{namespaced}/expand-vm-spec", named)
    assert (answer.status, answer.message) == (
        400,
        'virtualmachineclusterinstancetypes.instancetype.kubevirt.io "u1" not found',
    )
    asked, vmi = one(namespace, "vm", "asked"), one(namespace, "vmi", "asked")
    missing = 'virtualmachineinstance.kubevirt.io "asked" not found'
    volume = {"name": "root", "disk": {"disk": {}}, "volumeSource": {"dataVolume": {"name": "x"}}}
    for method, path, body, code, message in (
        ("GET", f"{asked}/objectgraph", None, 400, "ObjectGraph feature gate not enabled"),
        ("PUT", f"{asked}/migrate", {}, 404, missing),
        ("PUT", f"{asked}/evacuate/cancel", {}, 409, "VMI is not started"),
        ("PUT", f"{asked}/addvolume", volume, 400, "Unable to add volume [root] because volume with that name already"),
        ("PUT", f"{asked}/removememorydump", None, 409, "no association found"),
        ("PUT", f"{vmi}/backup", {}, 400, "'IncrementalBackup' feature gate is not enabled"),
        ("PUT", f"{vmi}/pause", None, 404, missing),
        ("PUT", f"{asked}/dance", None, 404, "the server could not find the requested resource"),
    ):
        answer = call(cluster, method, path, body)
        assert (answer.status, message in answer.message) == (code, True), (path, answer)
    answer = call(cluster, "GET", f"{vmi}/sev/fetchcertchain")
    assert (answer.status, answer.body.decode()) == (500, missing)
    answer = call(cluster, "GET", f"{SUBRESOURCES}/start-cluster-profiler")
    why = 'Unable to start profiler. "ClusterProfiler" feature gate must be enabled'
    assert (answer.status, answer.body.decode()) == (403, why)
    listed = call(cluster, "GET", SUBRESOURCES).json()["resources"]
    assert {"expand-vm-spec", "virtualmachines/migrate", "virtualmachineinstances/portforward"} <= {
        each["name"] for each in listed
    }
