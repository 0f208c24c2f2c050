"""Actions on guests that run, and questions to them: read the VMI, decide, ask its node's virt-handler."""

from __future__ import annotations

import logging

from virt_api.adapters.handlers import Handlers
from virt_api.adapters.objects import Objects
from virt_api.plan import guest_actions
from virt_api.plan.options import FreezeOptions, GuestOptions, is_dry, parse, seconds_frozen
from virt_api.plan.status import CallFailed, plain
from virt_runtime.log import about

LOG = logging.getLogger(__name__)


class Guests:
    def __init__(self, objects: Objects, handlers: Handlers) -> None:
        self._objects, self._handlers = objects, handlers

    async def act(self, action: str, namespace: str, name: str, body: bytes) -> None:
        """Carry out `action`. Raises CallFailed, and ApiError where reading fails."""
        options = parse(body, FreezeOptions if action == "freeze" else GuestOptions)
        query = {"unfreezeAfter": f"{seconds_frozen(options):g}"} if isinstance(options, FreezeOptions) else {}
        vmi = await self._objects.vmi(namespace, name)
        if failure := guest_actions.GUEST_ACTIONS[action](vmi):
            raise CallFailed(failure)
        if not is_dry(options):
            await self._handlers.put(vmi, action, query)
            LOG.info("%s done", action, extra=about(vmi))

    async def ask(self, question: str, namespace: str, name: str) -> bytes:
        """The answer of the guest's agent, as JSON. Raises CallFailed, and ApiError where reading fails."""
        try:
            vmi = await self._objects.vmi(namespace, name)
            if failure := guest_actions.ask(vmi):
                raise CallFailed(failure)
        except CallFailed as failed:
            raise CallFailed(plain(failed.failure)) from None
        return await self._handlers.get(vmi, question)
