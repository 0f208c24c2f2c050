"""API writes by our components, from the audit log: per life of a VMI and of a VM, and per minute when idle."""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.figures import table
from bench.subjects import VMIS, guest, laboratory
from virt_runtime.kube import KubeClient
from virt_runtime.resources import Resource

VMS = Resource("kubevirt.io", "v1", "virtualmachines")
WRITING = {"create", "update", "patch", "delete", "deletecollection"}
PREFIX = "system:serviceaccount:kubevirt:kubevirt-"
Write = tuple[str, str, str]  # component, verb, resource


class AuditLog:
    """The tail of a local cluster's audit log since the last reading."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size

    @classmethod
    def of(cls, name: str) -> "AuditLog":
        command = [sys.executable, "-m", "localcluster", "audit-log", "--name", name]
        return cls(Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()))

    def writes(self) -> Counter[Write]:
        """Completed writes of our components since the last call; Events and reviews of access are left out."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            lines = file.read()
            self.offset = file.tell()
        return Counter(write for line in lines.splitlines() for write in _write(line))


def _write(line: bytes) -> Iterator[Write]:
    try:
        entry = json.loads(line)
    except ValueError:
        return  # the last line may be half written
    user, about = entry.get("user", {}).get("username", ""), entry.get("objectRef") or {}
    ours = user.startswith(PREFIX) and entry.get("stage") == "ResponseComplete" and entry["verb"] in WRITING
    resource = about.get("resource", "")
    if ours and resource not in ("events", "subjectaccessreviews", "tokenreviews"):
        sub = about.get("subresource")
        yield user.removeprefix(PREFIX), entry["verb"], f"{resource}/{sub}" if sub else resource


def _tell(title: str, counted: Counter[Write], per: float) -> float:
    rows = [(*write, number / per) for write, number in sorted(counted.items())]
    total = sum(counted.values()) / per
    table(title, ["component", "verb", "resource", "writes"], [*rows, ("all", "", "", total)])
    return total


def _vm(name: str) -> dict[str, Any]:
    spec = {"runStrategy": "Always", "template": {"metadata": {}, "spec": guest(name)["spec"]}}
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": spec}


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    log = AuditLog.of(options.name)
    namespace, count = f"bench-writes-{int(time.time())}", options.count
    figures: dict[str, Any] = {}
    async with KubeClient.connect(kubeconfig, "bench") as kube, laboratory(kube, namespace) as moments:
        for kind, res in (("VMI", VMIS), ("VM", VMS)):
            log.writes()
            for turn in range(count):
                name = f"{kind.lower()}-{turn}"
                await kube.create(res, namespace, _vm(name) if res is VMS else guest(name))
                await moments.reached([name], "Ready", 120)
                await kube.delete(res, namespace, name)
                await moments.reached([name], "gone", 120)
            await asyncio.sleep(2)
            lease_free = Counter({w: n for w, n in log.writes().items() if w[2] not in ("leases", "nodes")})
            figures[kind] = _tell(f"writes per life of a {kind}, leases and heartbeats aside", lease_free, count)
        log.writes()
        await asyncio.sleep(options.idle_seconds)
        minutes = options.idle_seconds / 60
        figures["idle"] = _tell("writes per minute when idle", log.writes(), minutes)
    return figures
