"""The door of the aggregated API: who calls, and whether they may.

Identity headers count only behind a client certificate that the front proxy's authority signed, for a name that is
allowed; everybody else is nobody. Then the API server is asked, once a call.
"""

from __future__ import annotations

import logging

from aiohttp import web

from virt_api.adapters.knowledge import Knowledge
from virt_api.plan.authorization import Call, Caller, denial, review
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient
from virt_runtime.resources import SUBJECT_ACCESS_REVIEWS

LOG = logging.getLogger(__name__)


class Gate:
    def __init__(self, kube: KubeClient, knowledge: Knowledge) -> None:
        self._kube, self._knowledge = kube, knowledge

    async def refusal(self, request: web.Request, call: Call) -> web.Response | None:
        """The answer to a caller who may not; None for one who may."""
        caller = self._caller(request)
        if caller is None:
            return web.Response(status=401, text="no front proxy vouches for this request")
        try:
            said = await self._kube.create(SUBJECT_ACCESS_REVIEWS, None, review(call, caller))
        except ApiError as error:
            LOG.error("cannot ask whether %s may %s: %s", caller.user, call.subresource, error)
            return web.Response(status=500)
        why = denial(said)
        return None if why is None else web.Response(status=401, text=why)

    def _caller(self, request: web.Request) -> Caller | None:
        transport = request.transport
        certificate = transport.get_extra_info("peercert") if transport else None
        identity = self._knowledge.front_proxy.identify(certificate, request.headers)
        if identity is None:
            return None
        extra = {key: list(values) for key, values in identity.extra.items()}
        return Caller(user=identity.user, uid=identity.uid, groups=identity.groups, extra=extra)
