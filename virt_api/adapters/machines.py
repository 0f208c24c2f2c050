"""Start, stop and restart, carried out: read the VM and its VMI, decide, write."""

from __future__ import annotations

import contextlib
import logging

from virt_api.adapters.objects import Objects
from virt_api.plan.lifecycle import VERBS, VM_SPEC, VM_STATUS, VMI_SPEC, Machine, Write, Writes, lost_race
from virt_api.plan.options import is_dry, parse
from virt_api.plan.status import VM, CallFailed, Failure, internal_error, not_found
from virt_runtime.errors import ApiError, Conflict, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES, VIRTUAL_MACHINES, Json, Resource

LOG = logging.getLogger(__name__)
_TARGETS: dict[str, tuple[Resource, str | None]] = {
    VM_SPEC: (VIRTUAL_MACHINES, None),
    VM_STATUS: (VIRTUAL_MACHINES, "status"),
    VMI_SPEC: (VIRTUAL_MACHINE_INSTANCES, None),
}


class Machines:
    def __init__(self, kube: KubeClient, objects: Objects) -> None:
        self._kube, self._objects = kube, objects

    async def change(self, verb: str, namespace: str, name: str, body: bytes) -> None:
        """Carry out `verb`. Raises CallFailed, and ApiError where reading fails."""
        decide, kind = VERBS[verb]
        options = parse(body, kind)
        vm = await self._objects.vm(namespace, name)
        vmi = await self._objects.vmi_if_any(namespace, name)
        writes = decide(Machine(vm=vm, vmi=vmi), options)
        await self._write(namespace, name, writes, dry_run=is_dry(options))
        LOG.info("%s: %s", verb, ", ".join(write.target for write in writes), extra=about(vm))

    async def _write(self, namespace: str, name: str, writes: Writes, *, dry_run: bool) -> None:
        done: list[Write] = []
        for write in writes:
            try:
                await self._patch(namespace, name, write.target, list(write.ops), dry_run=dry_run)
            except ApiError as error:
                await self._take_back(namespace, name, done, dry_run=dry_run)
                raise CallFailed(_failure(name, error)) from error
            done.append(write)

    async def _patch(self, namespace: str, name: str, target: str, ops: list[Json], *, dry_run: bool) -> None:
        resource, subresource = _TARGETS[target]
        await self._kube.json_patch(resource, namespace, name, ops, subresource=subresource, dry_run=dry_run)

    async def _take_back(self, namespace: str, name: str, done: list[Write], *, dry_run: bool) -> None:
        for write in reversed(done):
            if write.undo:
                with contextlib.suppress(NotFound, Conflict):
                    await self._patch(namespace, name, write.target, list(write.undo), dry_run=dry_run)


def _failure(name: str, error: ApiError) -> Failure:
    """A patch whose test failed is a lost race; what a webhook refuses, or anything else, is our failure."""
    if isinstance(error, NotFound):
        return not_found(VM, name)
    lost = isinstance(error, Conflict)
    return lost_race(name, error.message) if lost else internal_error(error.message)
