"""The local cluster's own life: up, repeated, power cuts, down with nothing left. Needs root, and no other cluster.

Other clusters may run on the machine meanwhile, so traces are counted by what bears this cluster's name.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from localcluster import paths, shell
from localcluster.cluster import store
from localcluster.host import cgroups, links
from localcluster.programs import archive
from localcluster.waiting import wait_for

REPO = Path(__file__).resolve().parents[2]
NAME = "lctest"
IMAGE = "localhost/localcluster-test:1"
PATIENT = 300.0
NAMESPACES = ("mnt", "net", "pid", "uts", "ipc")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces, links and mounts: needs root")


def localcluster(*words: str, config: Path, code: int = 0) -> str:
    environment = {**os.environ, "KUBECONFIG": str(config)}
    command = [sys.executable, "-m", "localcluster", *words, "--name", NAME]
    done = subprocess.run(command, cwd=REPO, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def processes() -> set[int]:
    """Processes in the cluster's cgroup."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            inside = f"/podvirt-{NAME}/" in place.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if inside:
            found.add(int(place.parent.name))
    return found


def namespaces_of(pids: set[int] | None = None) -> set[str]:
    """Namespaces that processes are in: of `pids`, or of all."""
    places = [Path(f"/proc/{pid}") for pid in pids] if pids is not None else list(Path("/proc").glob("[0-9]*"))
    found = set()
    for place in places:
        for kind in NAMESPACES:
            try:
                found.add(os.readlink(place / "ns" / kind))
            except OSError:
                continue
    return found


def traces() -> dict[str, list[str]]:
    """Everything on this machine that bears the cluster's name, by sort."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    cables = links.cable_name(NAME, 1).removesuffix("1")
    shown = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout.splitlines()
    every = [path.name for path in Path("/sys/class/net").iterdir()]
    return {
        "processes": [str(pid) for pid in processes()],
        "mounts": [line for line in mounts if f"/clusters/{NAME}/" in line],
        "links": [link for link in every if link == links.bridge_name(NAME) or link.startswith(cables)],
        "tables": [line for line in shown if links.table_name(NAME) in line],
        "cgroups": [str(root) for root in cgroups.here().roots() if (root / f"podvirt-{NAME}").exists()],
        "files": [
            str(place) for place in (paths.CLUSTERS / NAME, store.LOCKS / f"podvirt-{NAME}.lock") if place.exists()
        ],
    }


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kubeconfig of somebody who has another cluster already."""
    place = tmp_path_factory.mktemp("kube") / "config"
    other = {"name": "other", "cluster": {"server": "https://192.0.2.1"}}
    place.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": [other]}))
    return place


class Kubectl:
    """kubectl on the test's own kubeconfig, through the context that `up` made current."""

    def __init__(self, config: Path) -> None:
        self._command = [localcluster("kubectl-path", config=config).strip(), "--kubeconfig", str(config)]

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        done = subprocess.run([*self._command, *words], input=stdin, capture_output=True, text=True, timeout=120)
        return done.stdout if done.returncode == 0 else ""

    def get(self, *words: str) -> Any:
        return json.loads(self("get", *words, "-o", "json") or "{}")

    def node_ready(self, node: str) -> str:
        conditions = self.get("node", node).get("status", {}).get("conditions", [])
        return next((str(each["status"]) for each in conditions if each["type"] == "Ready"), "")

    def restarts(self, pod: str) -> int:
        """How often the pod's container was started again; -1 while it is not running."""
        statuses = self.get("pod", pod).get("status", {}).get("containerStatuses", [{}])
        return int(statuses[0]["restartCount"]) if statuses[0].get("ready") else -1

    def runs_unbroken(self, pod: str) -> bool:
        return self.restarts(pod) == 0

    def hears(self, pod: str, script: str, word: str) -> bool:
        """Whether a script in the pod prints the word."""
        return word in self("exec", pod, "--", "/bin/sh", "-c", script)


def static_busybox(directory: Path) -> bytes:
    """From Debian's package, unpacked aside: a machine may have the other busybox, which needs libraries."""
    shell.run(["apt-get", "-q", "download", "busybox-static"], cwd=directory)
    (package,) = directory.glob("busybox-static_*.deb")
    shell.run(["dpkg-deb", "-x", package, directory])
    return next(directory.glob("**/bin/busybox")).read_bytes()


@pytest.fixture(scope="module")
def kubectl(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The cluster, up, with a test image on its nodes. Taken down by the last test, or here."""
    assert not any(traces().values()), "a cluster of this test is left from an earlier run"
    directory = tmp_path_factory.mktemp("image")
    busybox = static_busybox(directory)
    try:
        localcluster("up", "--nodes", "2", config=config)
        tar = directory / "image.tar"
        archive.write(
            tar, name=IMAGE, files={"bin/busybox": busybox, "bin/sh": busybox}, entrypoint=["/bin/busybox"], user="0:0"
        )
        assert localcluster("load", str(tar), config=config) == f"{IMAGE} loaded\n"
        assert localcluster("load", str(tar), config=config) == f"{IMAGE} was there\n"
        yield Kubectl(config)
    finally:
        localcluster("down", config=config)


def soon(what: str, probe: Callable[[], object], seconds: float = PATIENT) -> None:
    assert wait_for(what, probe, seconds=seconds, mend="see the cluster's logs", every=0.3)


def pod(name: str, node: str, script: str, claim: str | None = None) -> str:
    """A pod on a node, its claim mounted on /data."""
    container: dict[str, Any] = {"name": "c", "image": IMAGE, "command": ["/bin/sh", "-c", script]}
    spec: dict[str, Any] = {"containers": [container], "terminationGracePeriodSeconds": 0}
    spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    if claim:
        container["volumeMounts"] = [{"name": "v", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": claim}}]
    return json.dumps(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}
    )


def claim(name: str, storage_class: str | None, mode: str) -> str:
    spec: dict[str, Any] = {"accessModes": [mode], "resources": {"requests": {"storage": "10Mi"}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    document = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}
    return json.dumps(document)


def test_up_leaves_a_cluster_that_outlives_the_command(kubectl: Kubectl, config: Path) -> None:
    assert [kubectl.node_ready(node) for node in ("node1", "node2")] == ["True", "True"]
    assert all(traces()[sort] for sort in ("processes", "links", "tables", "cgroups", "files"))
    assert "Ready" in localcluster("status", config=config)
    assert "kube-apiserver" in localcluster("logs", "node", config=config)
    audit = Path(localcluster("audit-log", config=config).strip())
    assert '"kind":"Event"' in audit.read_text()[:200]


def test_up_again_changes_nothing(kubectl: Kubectl, config: Path) -> None:
    before = processes()
    localcluster("up", config=config)
    assert before <= processes()
    assert {each["name"] for each in json.loads(kubectl("config", "view", "-o", "json"))["clusters"]} == {
        "other",
        f"podvirt-{NAME}",
    }


def test_volumes_names_and_services(kubectl: Kubectl) -> None:
    """The default class waits for its pod, a shared claim is seen from both nodes, DNS and a Service answer."""
    serve = "echo hello > /data/index.html; exec busybox httpd -f -p 8080 -h /data"
    look = "until cat /data/index.html; do sleep 0.2; done; exec busybox sleep 100000"
    for document in (
        claim("own", None, "ReadWriteOnce"),
        claim("both", "shared", "ReadWriteMany"),
        pod("keeper", "node2", "echo kept > /data/kept; exec busybox sleep 100000", "own"),
        pod("server", "node1", serve, "both"),
        pod("reader", "node2", look, "both"),
    ):
        assert kubectl("apply", "-f", "-", stdin=document)
    assert kubectl("expose", "pod", "server", "--port", "80", "--target-port", "8080")
    for name in ("keeper", "server", "reader"):
        soon(f"{name} Ready", partial(kubectl.runs_unbroken, name))
    assert kubectl.get("pvc", "own")["spec"]["storageClassName"] == "local"
    soon("the shared file", lambda: "hello" in kubectl("logs", "reader"))
    address = kubectl.get("service", "server")["spec"]["clusterIP"]
    asked = ("exec", "reader", "--", "/bin/busybox", "nslookup", "server.default.svc.cluster.local")
    soon("the Service's name", lambda: address in kubectl(*asked))
    ask = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 {address} 80"
    for name in ("server", "reader"):
        soon(f"an answer to {name}", partial(kubectl.hears, name, ask, "hello"))


def test_a_power_cut_and_a_reboot_on_the_same_disk(kubectl: Kubectl, config: Path) -> None:
    before = kubectl.restarts("keeper")
    localcluster("node", "kill", "node2", config=config)
    assert localcluster("status", config=config, code=1).count("off") == 1
    soon("node2 given up", lambda: kubectl.node_ready("node2") == "Unknown")
    localcluster("node", "start", "node2", config=config)
    soon("node2 Ready", lambda: kubectl.node_ready("node2") == "True")
    soon("the pod started again", lambda: kubectl.restarts("keeper") > before)
    assert kubectl("exec", "keeper", "--", "/bin/busybox", "cat", "/data/kept") == "kept\n"


def test_the_control_plane_survives_a_power_cut_and_a_shutdown(kubectl: Kubectl, config: Path) -> None:
    for action in ("kill", "stop"):
        localcluster("node", action, "node1", config=config)
        localcluster("node", "start", "node1", config=config)
        soon(f"the API after {action}", lambda: kubectl("get", "--raw", "/readyz") == "ok")
        soon("node1 Ready", lambda: kubectl.node_ready("node1") == "True")
    assert kubectl.get("pod", "keeper")["spec"]["nodeName"] == "node2"


def test_down_leaves_nothing(kubectl: Kubectl, config: Path) -> None:
    """Counted before, so that the count is known to see something."""
    inside = namespaces_of(processes()) - namespaces_of({os.getpid()})
    assert len(inside) >= 2 * len(NAMESPACES)
    localcluster("down", config=config)
    soon("the end of every trace", lambda: not any(traces().values()), 30)
    soon("the end of every namespace", lambda: not inside & namespaces_of(), 30)
    document = json.loads(kubectl("config", "view", "-o", "json"))
    assert [each["name"] for each in document["clusters"]] == ["other"]
    assert not document["current-context"] and not document["users"] and not document["contexts"]
    localcluster("down", config=config)
