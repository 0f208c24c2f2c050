"""What is started and watched: guests, plain pods, and the moments of their lives."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from virt_runtime.kube import KubeClient
from virt_runtime.resources import NAMESPACES, PODS, Json, Resource

VMIS = Resource("kubevirt.io", "v1", "virtualmachineinstances")
GUEST = "localhost/podvirt/guest-tiny:v0.1.0"
LAUNCHER = "localhost/podvirt/virt-launcher:v0.1.0"


def guest(name: str, memory: str = "128Mi") -> Json:
    """A VMI of the tiny guest on the pod network."""
    devices = {"disks": [{"name": "root", "disk": {"bus": "virtio"}}], "interfaces": [{"name": "n", "masquerade": {}}]}
    spec: Json = {
        "terminationGracePeriodSeconds": 0,
        "domain": {"memory": {"guest": memory}, "devices": devices},
        "networks": [{"name": "n", "pod": {}}],
        "volumes": [{"name": "root", "containerDisk": {"image": GUEST}}],
    }
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name},
        "spec": spec,
    }


def plain_pod(name: str) -> Json:
    """A pod of the launcher's image that does nothing: what starting any pod costs here."""
    container = {"name": "compute", "image": LAUNCHER, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "600"]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "restartPolicy": "Never"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _condition(obj: Json, kind: str) -> bool:
    conditions = obj.get("status", {}).get("conditions") or []
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def _started(pod: Json) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or []
    return any(s["name"] == "compute" and "running" in s.get("state", {}) for s in statuses)


POD_MOMENTS: dict[str, Callable[[Json], bool]] = {
    "pod": lambda pod: True,
    "scheduled": lambda pod: bool(pod["spec"].get("nodeName")),
    "sandbox": lambda pod: _condition(pod, "PodReadyToStartContainers"),
    "container": _started,
    "pod running": lambda pod: pod.get("status", {}).get("phase") == "Running",
}
VMI_MOMENTS: dict[str, Callable[[Json], bool]] = {
    "Scheduled": lambda vmi: vmi.get("status", {}).get("phase") in ("Scheduled", "Running"),
    "Running": lambda vmi: vmi.get("status", {}).get("phase") == "Running",
    "Ready": lambda vmi: _condition(vmi, "Ready"),
}


class Moments:
    """When each moment of each subject was first seen: `seen[name][moment]`, seconds of the monotonic clock.

    `pods[name]` is a subject's pod, as its name and UID.
    """

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, float]] = {}
        self.pods: dict[str, tuple[str, str]] = {}
        self._changed = asyncio.Condition()

    async def note(self, name: str, moment: str) -> None:
        async with self._changed:
            self.seen.setdefault(name, {}).setdefault(moment, time.monotonic())
            self._changed.notify_all()

    async def reached(self, names: list[str], moment: str, seconds: float) -> None:
        """Raises: TimeoutError, naming what is missing."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: all(moment in self.seen.get(name, {}) for name in names))
        except TimeoutError:
            missing = [name for name in names if moment not in self.seen.get(name, {})]
            raise TimeoutError(f"not {moment} within {seconds:.0f} s: {', '.join(missing)}") from None


def _subject(obj: Json) -> str:
    """A launcher pod counts for its VMI."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get("kubevirt.io/domain") or obj["metadata"]["name"])


async def _follow(
    kube: KubeClient, res: Resource, namespace: str, table: dict[str, Callable[[Json], bool]], moments: Moments
) -> None:
    version = (await kube.listing(res, namespace)).resource_version
    async for event in kube.watch(res, namespace, resource_version=version, timeout_seconds=7200):
        if event.type == "BOOKMARK":
            continue
        name = _subject(event.object)
        if event.type == "DELETED":
            if res is VMIS or "kubevirt.io/domain" not in (event.object["metadata"].get("annotations") or {}):
                await moments.note(name, "gone")
            continue
        if res is PODS:
            moments.pods[name] = event.object["metadata"]["name"], event.object["metadata"]["uid"]
        for moment, holds in table.items():
            if holds(event.object):
                await moments.note(name, moment)


@contextlib.asynccontextmanager
async def laboratory(kube: KubeClient, namespace: str) -> AsyncIterator[Moments]:
    """A namespace of its own, watched; removed afterwards."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await kube.create(NAMESPACES, None, body)
    moments = Moments()
    followers = [
        asyncio.create_task(_follow(kube, PODS, namespace, POD_MOMENTS, moments)),
        asyncio.create_task(_follow(kube, VMIS, namespace, VMI_MOMENTS, moments)),
    ]
    try:
        await asyncio.sleep(2)  # the namespace's service account comes about a second after the namespace
        yield moments
    finally:
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        await kube.delete(NAMESPACES, None, namespace)
