"""Migrations asked for and evacuations called off, carried out."""

from __future__ import annotations

from virt_api.adapters.objects import Objects
from virt_api.plan.authorization import Call
from virt_api.plan.moves import evacuation_called_off, migration_of
from virt_api.plan.options import EvacuateCancelOptions, MigrateOptions, is_dry, parse
from virt_api.plan.status import VM, CallFailed
from virt_api.plan.tunnel import not_started
from virt_runtime.kube import KubeClient
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, VIRTUAL_MACHINE_INSTANCES


class Moves:
    def __init__(self, kube: KubeClient, objects: Objects) -> None:
        self._kube, self._objects = kube, objects

    async def migrate(self, namespace: str, name: str, body: bytes) -> None:
        """Raises CallFailed; ApiError where the migration is refused."""
        options = parse(body, MigrateOptions)
        await self._objects.vm(namespace, name)
        wanted = migration_of(await self._objects.vmi(namespace, name), options)
        await self._kube.create(VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, namespace, wanted, dry_run=is_dry(options))

    async def call_off(self, call: Call, body: bytes) -> None:
        """Raises CallFailed and ApiError."""
        if call.kind == VM and (failure := not_started(await self._objects.vm(call.namespace, call.name))):
            raise CallFailed(failure)
        vmi = await self._objects.vmi(call.namespace, call.name)
        options = parse(body, EvacuateCancelOptions)
        if ops := evacuation_called_off(vmi, options):
            await self._kube.json_patch(
                VIRTUAL_MACHINE_INSTANCES, call.namespace, call.name, list(ops), dry_run=is_dry(options)
            )
