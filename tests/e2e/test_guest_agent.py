"""A guest whose agent tells of it, is probed through it, frozen by it, and then falls silent; one VM serves all."""

import json
import time
from typing import Any

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.console import Console
from tests.e2e.harness.guests import vm
from tests.e2e.harness.metrics import pods, scrape
from tests.e2e.harness.rest import call, one
from tests.e2e.harness.waiting import until

SEED = """#!/bin/sh
optional guest-agent
mke2fs -q /dev/vdc
mount /dev/vdc /mnt
touch /tmp/healthy
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGd1ZXN0LXRpbnktaGFzLW5vLXNzaC1zZXJ2ZXIt tester"
PASSWORD = "other than before"
UNFREEZE_AT = "podvirt.io/unfreeze-at"
SILENT = "kill $(cat /run/qemu-ga.pid); sleep 1; (sleep 600 <>$(ls /dev/vport*) &)"


def told(namespace: str) -> Object:
    made = vm("told", namespace, user_data=SEED, grace=0)
    spec = made["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": "data", "disk": {"bus": "virtio"}})
    spec["volumes"].append({"name": "data", "emptyDisk": {"capacity": "16Mi"}})
    often = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 5}
    spec["readinessProbe"] = {"exec": {"command": ["cat", "/tmp/healthy"]}, **often}
    spec["livenessProbe"] = {"guestAgentPing": {}, "initialDelaySeconds": 300, "timeoutSeconds": 5}
    spec["accessCredentials"] = [
        {
            "sshPublicKey": {
                "source": {"secret": {"secretName": "keys"}},
                "propagationMethod": {"qemuGuestAgent": {"users": ["root"]}},
            }
        },
        {
            "userPassword": {
                "source": {"secret": {"secretName": "words"}},
                "propagationMethod": {"qemuGuestAgent": {}},
            }
        },
    ]
    return made


def secret(name: str, namespace: str, **values: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": values,
    }


def asked(cluster: Cluster, namespace: str, command: str) -> Any:
    done = cluster.virtctl(command, "told", "-n", namespace)
    assert done.code == 0, done.err
    return json.loads(done.out)


def put(cluster: Cluster, namespace: str, action: str, body: Object) -> None:
    answer = call(cluster, "PUT", f"{one(namespace, 'vmi', 'told')}/{action}", body)
    assert (answer.status, answer.body) == (200, b"")


def status(cluster: Cluster, namespace: str) -> Object:
    return dict((cluster.get("vmi", "told", namespace) or {}).get("status") or {})


def shows(cluster: Cluster, namespace: str, what: str, frozen: str | None) -> None:
    until(what, lambda: status(cluster, namespace).get("fsFreezeStatus") == frozen, 30)


def test_a_guest_with_an_agent(cluster: Cluster, namespace: str) -> None:
    words = secret("words", namespace, root=PASSWORD)
    cluster.create(secret("keys", namespace, mine=f"{KEY}\n"), words, told(namespace))
    vmi = vms.reaches(cluster, namespace, "told", "Running")
    pod = vms.launcher(cluster, namespace, vmi)
    compute = next(each for each in pod["spec"]["containers"] if each["name"] == "compute")
    assert compute["readinessProbe"]["exec"]["command"][:1] == ["virt-probe"]

    def heard() -> Object | None:
        now = status(cluster, namespace)
        return now if now.get("guestOSInfo") and vms.condition({"status": now}, "AgentConnected") else None

    now = until("the agent is connected and has spoken", heard)
    assert now["guestOSInfo"]["id"] == "guest-tiny"
    assert vms.condition({"status": now}, "AgentVersionNotSupported") is None

    def address() -> bool:
        nic = status(cluster, namespace)["interfaces"][0]
        known = (nic["infoSource"], nic.get("interfaceName")) == ("domain, guest-agent", "eth0")
        return known and nic.get("ipAddress") == pod["status"]["podIP"]

    until("the guest's card is the domain's", address, 60)
    vms.shows(cluster, namespace, "told", "Running")
    until("the probe in the guest passes", lambda: ready(cluster, namespace) == "True", 60)
    info = asked(cluster, namespace, "guestosinfo")
    assert (info["hostname"], info["timezone"], info["fsFreezeStatus"]) == ("told", "UTC, 0", "thawed")
    assert info["os"] == status(cluster, namespace)["guestOSInfo"]
    assert "guest-exec" in {each["name"] for each in info["supportedCommands"] if each.get("enabled")}
    mounted = asked(cluster, namespace, "fslist")["items"]
    assert [(each["mountPoint"], each["fileSystemType"]) for each in mounted] == [("/mnt", "ext2")]
    assert info["fsInfo"]["disks"][0]["mountPoint"] == "/mnt" and mounted[0]["totalBytes"] > 10 << 20
    assert asked(cluster, namespace, "userlist") == {"metadata": {}, "items": []}

    def counted() -> bool:
        scrapes = [scrape(cluster, name) for name in pods(cluster)["virt-handler"]]
        names = ("filesystem_used_bytes", "filesystem_capacity_bytes", "guest_load_1m")
        return all(
            any(
                labels.get("namespace") == namespace
                for each in scrapes
                for labels, _ in each.of(f"kubevirt_vmi_{name}")
            )
            for name in names
        )

    until("file systems and load are metrics too", counted, 60)

    until("keys and passwords are set", lambda: is_let_in(cluster, namespace), 60)
    events = {each["reason"]: each["message"] for each in cluster.list("events", namespace)}
    assert events["AccessCredentialsSyncSuccess"] == "Access credentials sync successful."

    put(cluster, namespace, "freeze", {"unfreezeTimeout": "5m"})
    shows(cluster, namespace, "the guest is shown as frozen", "frozen")
    assert asked(cluster, namespace, "guestosinfo")["fsFreezeStatus"] == "frozen"
    assert ready(cluster, namespace) == "True", "a frozen guest is not ended by its probes"
    put(cluster, namespace, "unfreeze", {})
    shows(cluster, namespace, "the guest is not shown as frozen any more", None)
    put(cluster, namespace, "freeze", {"unfreezeTimeout": "3s"})
    shows(cluster, namespace, "the guest is frozen again", "frozen")
    shows(cluster, namespace, "the guest has been unfrozen after its time", None)
    moves_while_frozen(cluster, namespace)

    with Console(cluster, namespace, "told") as console:
        console.login(password=PASSWORD)
        assert console.run("cat /root/.ssh/authorized_keys") == KEY
        console.run("rm /tmp/healthy")
        until("the probe in the guest fails", lambda: ready(cluster, namespace) == "False", 30)
        console.run(SILENT)
    before = time.monotonic()
    silent = cluster.virtctl("guestosinfo", "told", "-n", namespace)
    assert silent.code == 1 and "Error getting guestosinfo of VirtualMachineInstance told" in silent.err
    assert time.monotonic() - before < 30, "a silent agent costs its deadline"
    assert status(cluster, namespace)["phase"] == "Running"


def moves_while_frozen(cluster: Cluster, namespace: str) -> None:
    before = status(cluster, namespace)["nodeName"]
    put(cluster, namespace, "freeze", {"unfreezeTimeout": "40s"})
    assert cluster.virtctl("migrate", "told", "-n", namespace).code == 0

    def moved() -> bool:
        now = status(cluster, namespace)
        return now["nodeName"] != before and bool(now["migrationState"].get("completed"))

    until("the frozen guest has moved", moved)
    shows(cluster, namespace, "the guest is shown as frozen where it has come", "frozen")
    what = "the time goes along: the guest is unfrozen where it has come"
    until(what, lambda: "fsFreezeStatus" not in status(cluster, namespace), 60)
    assert UNFREEZE_AT not in (cluster.get("vmi", "told", namespace) or {})["metadata"]["annotations"]


def is_let_in(cluster: Cluster, namespace: str) -> bool:
    return vms.is_true({"status": status(cluster, namespace)}, "AccessCredentialsSynchronized")


def ready(cluster: Cluster, namespace: str) -> str:
    found = vms.condition({"status": status(cluster, namespace)}, "Ready")
    return str(found["status"]) if found else ""
