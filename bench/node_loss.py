"""A node loses its power: how long until its self-fencing guest runs elsewhere, beside a first start of the same VM."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from typing import Any

from bench.figures import p50, table
from bench.subjects import VMIS, guest
from virt_model.node_lease import GUARDED, WANTED, lease_name, read_lease
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import LEASES, NAMESPACES, NODES, VIRTUAL_MACHINES, Json

NAME, LOOK = "lost", 0.1
Probe = Callable[[], Any]


def _vm(never: str) -> Json:
    """Self-fencing, and on another node than that one."""
    made = guest(NAME)
    other = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [never]}]}
    required = {"nodeSelectorTerms": [other]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    template = {"metadata": {"annotations": {WANTED: "true"}}, "spec": {**made["spec"], "affinity": affinity}}
    spec = {"runStrategy": "Always", "template": template}
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": NAME}, "spec": spec}


async def _node(cluster: str, action: str, node: str) -> None:
    command = ("-m", "localcluster", "node", action, node, "--name", cluster)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait():
        raise RuntimeError(f"node {node} did not {action}")


class _Watcher:
    """Asks again and again, ten times a second, and tells when it was so."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.kube, self.namespace = kube, namespace
        self.node = ""
        """The one that loses its power."""

    async def when(self, probe: Probe, seconds: float) -> float:
        """Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not await probe():
                await asyncio.sleep(LOOK)
        return time.monotonic()

    async def vmi(self) -> Json:
        try:
            return await self.kube.get(VMIS, self.namespace, NAME)
        except NotFound:
            return {"metadata": {"uid": "", "annotations": {}}, "status": {}}

    async def runs_guarded(self) -> bool:
        vmi = await self.vmi()
        return vmi["status"].get("phase") == "Running" and GUARDED in (vmi["metadata"].get("annotations") or {})

    async def term_is_over(self) -> bool:
        lease = read_lease(await self.kube.get(LEASES, "kubevirt", lease_name(self.node)))
        return lease is not None and lease.fenced

    async def takes_guests(self) -> bool:
        found = await self.kube.get(NODES, None, self.node)
        conditions = found["status"]["conditions"]
        ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        return ready and found["metadata"]["labels"].get("kubevirt.io/schedulable") == "true"


async def _once(kube: KubeClient, cluster: str, namespace: str, control: str) -> tuple[float, float, float]:
    """Seconds: of a first start; from the power cut to the end of the term; from there to Running elsewhere."""
    watcher = _Watcher(kube, namespace)
    begun = time.monotonic()
    await kube.create(VIRTUAL_MACHINES, namespace, _vm(control))
    start = await watcher.when(watcher.runs_guarded, 120) - begun
    first = await watcher.vmi()
    node = watcher.node = first["status"]["nodeName"]

    async def runs_elsewhere() -> bool:
        vmi = await watcher.vmi()
        return vmi["metadata"]["uid"] not in ("", first["metadata"]["uid"]) and await watcher.runs_guarded()

    cut = time.monotonic()
    await _node(cluster, "kill", node)
    try:
        over = await watcher.when(watcher.term_is_over, 180)
        elsewhere = await watcher.when(runs_elsewhere, 180)
    finally:
        await _node(cluster, "start", node)
        await watcher.when(watcher.takes_guests, 240)
    await kube.delete(VIRTUAL_MACHINES, namespace, NAME)
    await watcher.when(lambda: _gone(watcher), 120)
    return start, over - cut, elsewhere - over


async def _gone(watcher: _Watcher) -> bool:
    return not (await watcher.vmi())["metadata"]["uid"]


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-node-loss-{int(time.time())}"
    async with KubeClient.connect(kubeconfig, "bench") as kube:
        nodes = sorted(each["metadata"]["name"] for each in await kube.list(NODES))
        if len(nodes) < 3:
            raise SystemExit("bench: node-loss needs three nodes: python3 -m localcluster up --nodes 3")
        await kube.create(NAMESPACES, None, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        await asyncio.sleep(2)  # the namespace's service account comes about a second after the namespace
        try:
            turns = [await _once(kube, options.name, namespace, nodes[0]) for _ in range(options.count)]
        finally:
            await kube.delete(NAMESPACES, None, namespace)
    start, to_end, after = (p50([turn[i] for turn in turns]) for i in range(3))
    whole = [to_end + after for _, to_end, after in turns]
    rows = [
        ("a first start of the VM", start),
        ("power cut to the end of the node's term", to_end),
        ("from there to Running elsewhere", after),
        ("power cut to Running elsewhere", p50(whole)),
        ("the longest of these", max(whole)),
    ]
    table(f"{options.count} power cuts, {len(nodes)} nodes, default lease", ["what", "p50 s"], rows)
    print(f"\nAfter the term is over: {after / start:.2f} times a first start")
    return dict(rows)
