"""Actions on guests that run, carried out: read the VMI, decide, have its node's virt-handler do it."""

from __future__ import annotations

import logging

from virt_api.adapters.handlers import Handlers
from virt_api.plan.guest_actions import GUEST_ACTIONS
from virt_api.plan.options import GuestOptions, is_dry, parse
from virt_api.plan.status import VMI, CallFailed, not_found
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES

LOG = logging.getLogger(__name__)


class Guests:
    def __init__(self, kube: KubeClient, handlers: Handlers) -> None:
        self._kube, self._handlers = kube, handlers

    async def act(self, action: str, namespace: str, name: str, body: bytes) -> None:
        """Carry out `action`. Raises CallFailed, and ApiError where reading fails."""
        options = parse(body, GuestOptions)
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
        except NotFound:
            raise CallFailed(not_found(VMI, name)) from None
        if failure := GUEST_ACTIONS[action](vmi):
            raise CallFailed(failure)
        if not is_dry(options):
            await self._handlers.put(vmi, action)
            LOG.info("%s done", action, extra=about(vmi))
