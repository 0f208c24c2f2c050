"""VMs and VMIs as a call finds them: an object that is not there is the caller's failure, in the caller's words."""

from __future__ import annotations

from virt_api.plan.status import VM, VMI, CallFailed, not_found
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES, VIRTUAL_MACHINES, Json


class Objects:
    """Reads ask the API server, never a cache: an action is decided on what is, and may be repeated at once."""

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube

    async def vm(self, namespace: str, name: str) -> Json:
        """Raises CallFailed, and ApiError where reading fails."""
        try:
            return await self._kube.get(VIRTUAL_MACHINES, namespace, name)
        except NotFound:
            raise CallFailed(not_found(VM, name)) from None

    async def vmi(self, namespace: str, name: str) -> Json:
        """Raises CallFailed, and ApiError where reading fails."""
        found = await self.vmi_if_any(namespace, name)
        if found is None:
            raise CallFailed(not_found(VMI, name))
        return found

    async def vmi_if_any(self, namespace: str, name: str) -> Json | None:
        """Raises ApiError where reading fails."""
        try:
            return await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
        except NotFound:
            return None
