"""A node to test the whole agent on: a fake API, a kubelet that takes device plugins, launchers in namespaces."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio

from tests.fakes.kube import FakeKube, fake_kube
from tests.fakes.waiting import until
from virt_handler import main as handler
from virt_handler.adapters.guest import OpenEnd
from virt_handler.plan.migration_role import Move
from virt_model import labels, names
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_runtime.kube import KubeClient
from virt_runtime.metrics import Metrics

Json = dict[str, Any]
NAMESPACE = "default"
VMIS = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/virtualmachineinstances"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
REPOSITORY = Path(__file__).parents[3]


class NoRelays:
    """No guest moves in these worlds."""

    async def open_source(self, move: Move, socket_path: str) -> OpenEnd:
        raise OSError("no way leads out of here")

    async def open_target(self, move: Move, socket_path: str, pod_uid: str) -> OpenEnd:
        raise OSError("no way leads here")


class NoPeers:
    """There is one other node, and its agent does not answer."""

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def known(self) -> frozenset[str]:
        return frozenset({"n1", "n2"})

    async def ask_all(self, nodes: tuple[str, ...], term: int, seconds: float) -> tuple[str, ...]:
        return ()


class NodeWorld:
    def __init__(self, kube: FakeKube, client: KubeClient, root: Path) -> None:
        self.kube, self._client, self.root = kube, client, root
        self.launchers: list[subprocess.Popen[bytes]] = []
        self.registered: list[bytes] = []

    # --- what users, virt-controller and the kubelet do

    def add_vmi(
        self, name: str, phase: str = "Scheduling", annotations: dict[str, str] | None = None, **spec: Any
    ) -> Json:
        metadata: Json = {"name": name, "uid": str(uuid.uuid4()), "finalizers": [labels.VMI_FINALIZER]}
        vmi = {
            "metadata": {**metadata, **({"annotations": annotations} if annotations else {})},
            "spec": {
                "domain": {"devices": {"interfaces": [{"name": "default", "masquerade": {}}]}},
                "networks": [{"name": "default", "pod": {}}],
                "volumes": [{"name": "root", "containerDisk": {"image": "x"}}],
                "terminationGracePeriodSeconds": 30,
                **spec,
            },
            "status": {"phase": phase},
        }  # fmt: skip
        return self.kube.put(VMIS, vmi)

    def add_pod(self, vmi: Json) -> Json:
        metadata = vmi["metadata"]
        pod = {
            "metadata": {
                "name": names.launcher_pod_name(metadata["name"], metadata["uid"]),
                "uid": f"p{len(self.launchers)}",
                "labels": {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": metadata["uid"]},
                "ownerReferences": [{"name": metadata["name"], "uid": metadata["uid"]}],
            },
            "spec": {"nodeName": "n1", "containers": [{"name": "compute", "image": "launcher:1"}]},
            "status": {"phase": "Running"},
        }  # fmt: skip
        return self.kube.put(PODS, pod)

    def start_launcher(self, pod: Json, *arguments: str) -> subprocess.Popen[bytes]:
        sockets = self.root / "pods" / pod["metadata"]["uid"] / "volumes/kubernetes.io~empty-dir/sockets"
        sockets.mkdir(parents=True)
        script = Path(__file__).with_name("fake_launcher.py")
        process = subprocess.Popen(
            ["unshare", "--net", sys.executable, str(script), str(sockets), *arguments],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        self.launchers.append(process)
        return process

    def schedule(self, name: str) -> None:
        vmi = self.vmi(name)
        labelled = {**vmi["metadata"], "labels": {"kubevirt.io/nodeName": "n1"}}
        status = {
            **vmi["status"], "phase": "Scheduled", "nodeName": "n1",
            "interfaces": [{"name": "default", "podInterfaceName": "eth0"}],
            "volumeStatus": [{"name": "root", "target": ""}],
        }  # fmt: skip
        self.kube.put(VMIS, {**vmi, "metadata": labelled, "status": status})

    def delete(self, name: str) -> None:
        vmi = self.vmi(name)
        marked = {**vmi["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
        self.kube.put(VMIS, {**vmi, "metadata": marked})

    # --- what is seen

    def vmi(self, name: str) -> Json:
        return self.kube.objects[("apis/kubevirt.io/v1/virtualmachineinstances", NAMESPACE, name)]

    def phase(self, name: str) -> str:
        return str(self.vmi(name)["status"]["phase"])

    def events(self) -> list[tuple[str, str]]:
        found = [obj for (collection, _, _), obj in self.kube.objects.items() if collection.endswith("/events")]
        return [(event["reason"], event["message"]) for event in found]

    def node(self) -> Json:
        return self.kube.objects[("api/v1/nodes", None, "n1")]

    def writes_to_vmis(self) -> int:
        return sum("virtualmachineinstances" in path for _, path in self.kube.writes())

    # --- the agent

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[handler.Node]:
        """A virt-handler; leaving the block stops it as SIGTERM does."""
        flags = argparse.Namespace(
            node_name="n1", namespace="kubevirt", pod_ip="10.0.0.1", pods_dir=str(self.root / "pods"),
            private_dir=self.root / "private", plugins_dir=self.root / "plugins",
            capabilities_dir=self.root / "capabilities", max_devices=3, launcher_image="launcher:1",
        )  # fmt: skip
        self.metrics = Metrics(rows_of(Component.HANDLER))
        node = handler.Node(self._client, self.metrics, flags, kvm_usable=False, relays=NoRelays(), peers=NoPeers())
        task = asyncio.create_task(node.run())
        try:
            await until(lambda: task.done() or node.unhealthy() is None)
            yield node
        finally:
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def close(self) -> None:
        for process in self.launchers:
            process.kill()
            process.wait()


@contextlib.asynccontextmanager
async def kubelet(world: NodeWorld) -> AsyncIterator[None]:
    async def register(request: bytes, _context: object) -> bytes:
        world.registered.append(request)
        return b""

    server = grpc.aio.server()
    methods = {"Register": grpc.unary_unary_rpc_method_handler(register)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1beta1.Registration", methods),))
    path = world.root / "plugins" / "kubelet.sock"
    path.unlink(missing_ok=True)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


@contextlib.asynccontextmanager
async def node_world() -> AsyncIterator[NodeWorld]:
    root = Path(tempfile.mkdtemp(prefix="ph", dir="/tmp"))  # short: socket paths are
    for directory in ("pods", "private", "plugins", "capabilities"):
        (root / directory).mkdir()
    async with fake_kube() as (kube, client):
        world = NodeWorld(kube, client, root)
        kube.put("/api/v1/nodes", {"metadata": {"name": "n1"}})
        try:
            async with kubelet(world):
                yield world
        finally:
            world.close()
            shutil.rmtree(root)
