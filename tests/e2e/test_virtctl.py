"""virtctl's client side on a real cluster: what it prints is accepted, and what it makes works."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.harness import vms
from tests.e2e.harness.cluster import REPO, Cluster
from tests.e2e.harness.guests import TINY
from tests.e2e.harness.waiting import until

TOOLS = "localhost/podvirt/virt-controller:v0.1.0"
FETCH = "import urllib.request as r; print(r.urlopen('http://web', timeout=5).status)"


def ours(cluster: Cluster, namespace: str, *words: str) -> str:
    result = cluster.virtctl("-n", namespace, *words)
    assert result.code == 0, result.err
    return result.out


def test_a_vm_from_flags_is_exposed_and_watched(cluster: Cluster, namespace: str) -> None:
    manifest = ours(
        cluster, namespace, "create", "vm", "--name=made", "--memory=128Mi", "--infer-preference=false",
        f"--volume-containerdisk=src:{TINY}", "--termination-grace-period=0",
    )  # fmt: skip
    cluster.kubectl("create", "-f", "-", stdin=manifest)
    container = {"name": "client", "image": TOOLS, "command": ["sleep", "3600"], "imagePullPolicy": "IfNotPresent"}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    cluster.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": namespace}, "spec": spec}
    )
    vms.running(cluster, namespace, "made")
    said = ours(cluster, namespace, "expose", "vm", "made", "--name=web", "--port=80")
    assert said == "Service web successfully created for vm made\n"
    cluster.kubectl("-n", namespace, "wait", "pod/client", "--for=condition=Ready", "--timeout=60s")

    def fetched() -> bool:
        answer = cluster.try_kubectl("-n", namespace, "exec", "client", "--", "python3", "-c", FETCH, seconds=30)
        return answer.out.strip() == "200"

    until("the guest's web page through the Service", fetched, 120)
    head, row = ours(cluster, namespace, "top", "--interval=1").splitlines()
    assert head.split()[:3] == ["NAME", "NODE", "CPU"]
    name, _node, cpu, _used, memory, resident, *_ = row.split()
    assert (name, memory) == ("made", "128Mi") and cpu.endswith("m") and resident.endswith("Mi")


def test_a_vm_is_told_to_log_more(cluster: Cluster, namespace: str) -> None:
    manifest = ours(cluster, namespace, "create", "vm", "--name=quiet", "--run-strategy=Halted")
    cluster.kubectl("create", "-f", "-", stdin=manifest)
    ours(cluster, namespace, "adm", "log-verbosity", "--vm=quiet", "--level=6")
    assert ours(cluster, namespace, "adm", "log-verbosity", "--vm=quiet") == "quiet = 6\n"
    stored = cluster.get("vm", "quiet", namespace)
    assert stored is not None and stored["spec"]["template"]["metadata"]["labels"] == {"logVerbosity": "6"}


def test_as_a_plugin_of_kubectl(cluster: Cluster, namespace: str, tmp_path: Path) -> None:
    program = "import sys; sys.argv.pop(0); from virtctl.main import main; sys.exit(main())"
    plugin = tmp_path / "kubectl-virt"
    plugin.write_text(f'#!/bin/sh\nPYTHONPATH={REPO} exec {sys.executable} -c \'{program}\' "$0" "$@"\n')
    plugin.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "KUBECONFIG": cluster.kubeconfig}

    def kubectl_virt(*words: str) -> subprocess.CompletedProcess[str]:
        command = [cluster.kubectl_binary, "virt", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert "Server Version" in kubectl_virt("version").stdout
    assert kubectl_virt("why", "--help").stdout.startswith("Usage: kubectl virt why")
    missing = kubectl_virt("why", "vm", "nosuch", "-n", namespace)
    assert missing.returncode == 1 and 'virtualmachines.kubevirt.io "nosuch" not found' in missing.stderr
