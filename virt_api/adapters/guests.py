"""Actions on guests that run, carried out: read the VMI, decide, have its node's virt-handler do it."""

from __future__ import annotations

import logging

from virt_api.adapters.handlers import Handlers
from virt_api.adapters.objects import Objects
from virt_api.plan.guest_actions import GUEST_ACTIONS
from virt_api.plan.options import GuestOptions, is_dry, parse
from virt_api.plan.status import CallFailed
from virt_runtime.log import about

LOG = logging.getLogger(__name__)


class Guests:
    def __init__(self, objects: Objects, handlers: Handlers) -> None:
        self._objects, self._handlers = objects, handlers

    async def act(self, action: str, namespace: str, name: str, body: bytes) -> None:
        """Carry out `action`. Raises CallFailed, and ApiError where reading fails."""
        options = parse(body, GuestOptions)
        vmi = await self._objects.vmi(namespace, name)
        if failure := GUEST_ACTIONS[action](vmi):
            raise CallFailed(failure)
        if not is_dry(options):
            await self._handlers.put(vmi, action)
            LOG.info("%s done", action, extra=about(vmi))
