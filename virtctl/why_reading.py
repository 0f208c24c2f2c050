"""What `why` reads of the cluster: the objects of one VM, and of the nodes only where the pod has none.

A user may see less than everything: what is forbidden is left out and named, the rest is still worth reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from virt_model import labels
from virt_model.seen import Pod, Seen, Vm, Vmi
from virt_runtime import resources
from virt_runtime.errors import Forbidden, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import Json
from virtctl.plan.why.case import Case, Link, Told

T = TypeVar("T")
_ALIVE = "status.phase!=Succeeded,status.phase!=Failed"


async def read(kube: KubeClient, asked_for: Link, namespace: str, name: str, now: float) -> Case:
    """The case of a VM or VMI. Raises ApiError: NotFound where there is no such object, Forbidden to read it."""
    reading = _Reading(kube, namespace)
    vm, vmi = await _machine(reading, asked_for, name)
    pod = await _pod(reading, vmi)
    node = (pod.node if pod is not None else "") or (vmi.node if vmi is not None else "")
    claims = _claims(vmi, vm)
    on_no_node = pod is not None and not node
    there, found, claimed, nodes, neighbours = await asyncio.gather(
        reading.get(resources.NODES, node),
        reading.events({name, pod.name if pod is not None else "", *claims} - {""}),
        asyncio.gather(*(reading.claim(claim) for claim in claims)),
        reading.nodes() if on_no_node else _nothing(),
        reading.neighbours() if on_no_node else _nothing(),
    )
    return Case(
        asked_for=asked_for,
        name=name,
        namespace=namespace,
        vm=vm,
        vmi=vmi,
        pod=pod,
        node=Seen(there) if there is not None else None,
        nodes=nodes,
        neighbours=neighbours,
        claims={claim: obj for claim, obj in zip(claims, claimed, strict=True) if obj is not _UNREAD},
        events=found,
        unread=tuple(sorted(reading.unread)),
        now=now,
    )


_UNREAD = Seen({})


async def _nothing() -> None:
    return None


async def _machine(reading: _Reading, asked_for: Link, name: str) -> tuple[Vm | None, Vmi | None]:
    """What was asked for must be there; the other is its owner, or what it owns."""
    if asked_for is Link.VM:
        vm = Vm(await reading.kube.get(resources.VIRTUAL_MACHINES, reading.namespace, name))
        raw = await reading.get(resources.VIRTUAL_MACHINE_INSTANCES, name)
        vmi = Vmi(raw) if raw is not None else None
        return vm, vmi if vmi is not None and vmi.controlled_by(vm.uid) else None
    vmi = Vmi(await reading.kube.get(resources.VIRTUAL_MACHINE_INSTANCES, reading.namespace, name))
    owner = vmi.controller() or {}
    raw = (
        await reading.get(resources.VIRTUAL_MACHINES, owner["name"]) if owner.get("kind") == "VirtualMachine" else None
    )
    return (Vm(raw) if raw is not None else None), vmi


async def _pod(reading: _Reading, vmi: Vmi | None) -> Pod | None:
    """The launcher pod: the one on the guest's node, where a migration has left several."""
    if vmi is None:
        return None
    pods = await reading.pods(f"{labels.CREATED_BY}={vmi.uid}")
    return max(pods, key=lambda pod: (not pod.finished, pod.node == vmi.node, pod.created_at or 0.0), default=None)


def _claims(vmi: Vmi | None, vm: Vm | None) -> tuple[str, ...]:
    """Names of the claims that the guest's volumes are on. A data volume has the name of its claim."""
    spec = vmi.spec if vmi is not None else (vm.template.get("spec") or {}) if vm is not None else {}
    found = []
    for volume in spec.get("volumes") or ():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        found.append(claim or (volume.get("dataVolume") or {}).get("name") or "")
    return tuple(dict.fromkeys(name for name in found if name))


class _Reading:
    """Reads that may be forbidden."""

    def __init__(self, kube: KubeClient, namespace: str) -> None:
        self.kube, self.namespace = kube, namespace
        self.unread: set[str] = set()

    async def get(self, resource: resources.Resource, name: str) -> Json | None:
        """None where it is not there, or is not for us to see."""
        if not name:
            return None
        return await self._allowed(resource.plural, lambda: self._present(resource, name), None)

    async def claim(self, name: str) -> Seen | None:
        """The claim, None where there is none, `_UNREAD` where it may not be read."""
        resource = resources.PERSISTENT_VOLUME_CLAIMS

        async def present() -> Seen | None:
            raw = await self._present(resource, name)
            return Seen(raw) if raw is not None else None

        return await self._allowed(resource.plural, present, _UNREAD)

    async def pods(self, selector: str) -> tuple[Pod, ...]:
        async def listed() -> tuple[Pod, ...]:
            found = await self.kube.list(resources.PODS, self.namespace, label_selector=selector)
            return tuple(pod for pod in map(Pod, found) if pod.labels.get(labels.ROLE) == labels.ROLE_LAUNCHER)

        return await self._allowed("pods", listed, ())

    async def nodes(self) -> tuple[Seen, ...] | None:
        async def listed() -> tuple[Seen, ...] | None:
            found = map(Seen, await self.kube.list(resources.NODES))
            return tuple(sorted(found, key=lambda node: node.name))

        return await self._allowed("nodes", listed, None)

    async def neighbours(self) -> tuple[Pod, ...] | None:
        async def listed() -> tuple[Pod, ...] | None:
            found = map(Pod, await self.kube.list(resources.PODS, field_selector=_ALIVE))
            return tuple(pod for pod in found if pod.node)

        return await self._allowed("pods of other namespaces", listed, None)

    async def events(self, about: Iterable[str]) -> tuple[Told, ...]:
        """Events about objects of these names, oldest first."""

        async def one(name: str) -> list[Json]:
            query = f"involvedObject.name={name}"
            return await self.kube.list(resources.EVENTS, self.namespace, field_selector=query)

        async def every() -> tuple[Told, ...]:
            found = await asyncio.gather(*(one(name) for name in sorted(about)))
            return tuple(sorted((Told(raw) for each in found for raw in each), key=lambda told: told.at))

        return await self._allowed("events", every, ())

    async def _present(self, resource: resources.Resource, name: str) -> Json | None:
        try:
            return await self.kube.get(resource, self.namespace if resource.namespaced else None, name)
        except NotFound:
            return None

    async def _allowed(self, what: str, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        try:
            return await call()
        except Forbidden:
            self.unread.add(what)
            return otherwise
