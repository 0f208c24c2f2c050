"""The aggregated API's routes: discovery for everybody, subresources for whom the gate lets in."""

from __future__ import annotations

import platform
import sys
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from virt_api.adapters.answers import Handler, answering_failures, json_answer
from virt_api.adapters.gate import Gate
from virt_api.adapters.guests import Guests
from virt_api.adapters.knowledge import Knowledge
from virt_api.adapters.machines import Machines
from virt_api.adapters.streams import Streams
from virt_api.plan import discovery
from virt_api.plan.authorization import Call
from virt_api.plan.guest_actions import GUEST_ACTIONS
from virt_api.plan.lifecycle import VERBS
from virt_api.plan.status import CallFailed, Failure, not_found
from virt_api.plan.stream import DEVICES
from virt_model.name_forms import label_faults, subdomain_faults
from virt_model.version import VERSION, version_info
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient

_ROOT = f"/apis/{discovery.GROUP}"


Act = Callable[[web.Request, Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Called:
    """Which subresource a route is; only the names of the object come from the request's path."""

    version: str
    resource: str
    subresource: str

    @property
    def tail(self) -> str:
        return f"{self.resource}/{{name}}/{self.subresource}"

    def by(self, request: web.Request) -> Call:
        """The call that a request makes. Raises CallFailed where the names can be nobody's (`..%2Fpods`)."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if label_faults(namespace) or subdomain_faults(name):
            raise CallFailed(not_found(self.resource.removesuffix("s"), name))
        return Call(
            method=request.method,
            version=self.version,
            namespace=namespace,
            resource=self.resource,
            name=name,
            subresource=self.subresource,
        )


class Subresources:
    def __init__(
        self,
        kube: KubeClient,
        knowledge: Knowledge,
        gate: Gate,
        machines: Machines,
        guests: Guests,
        streams: Streams,
    ) -> None:
        self._kube, self._knowledge, self._gate = kube, knowledge, gate
        self._machines, self._guests, self._streams = machines, guests, streams

    def add_to(self, app: web.Application) -> None:
        _add_documents(app)
        for version in discovery.VERSIONS:
            root = f"{_ROOT}/{version}"
            app.router.add_get(f"{root}/version", _show_version)
            app.router.add_get(f"{root}/guestfs", _show_guestfs)
            app.router.add_get(f"{root}/healthz", self._show_health)
            one = f"{root}/namespaces/{{namespace}}"
            for method, resource, subresources, act in self._rows():
                for subresource in subresources:
                    called = _Called(version, resource, subresource)
                    app.router.add_route(method, f"{one}/{called.tail}", self._guarded(called, act))
        app.router.add_route("*", f"{_ROOT}/{{rest:.*}}", _show_nothing)

    def _rows(self) -> tuple[tuple[str, str, Iterable[str], Act], ...]:
        """Everything that can be done to one object: method, resource, subresources, and who does it."""
        return (
            ("PUT", "virtualmachines", VERBS, self._change),
            ("PUT", "virtualmachineinstances", GUEST_ACTIONS, self._act),
            ("GET", "virtualmachineinstances", DEVICES, self._stream),
        )

    def _guarded(self, called: _Called, act: Act) -> Handler:
        """A handler that acts only for callers who may."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            call = called.by(request)
            refusal = await self._gate.refusal(request, call)
            return await act(request, call) if refusal is None else refusal

        return answering_failures(guarded)

    async def _change(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._machines.change(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=202)

    async def _act(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._guests.act(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=200)

    async def _stream(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._streams.serve(request, call.namespace, call.name, call.subresource)

    async def _show_health(self, _request: web.Request) -> web.Response:
        try:
            version: Any = await self._kube.raw("GET", "/version")
        except ApiError as error:
            return json_answer({"apiserver": {"connectivity": "failed", "error": str(error)}}, 500)
        reached = {"connectivity": "ok", "version": version}
        return json_answer({"apiserver": reached, "config-resource-version": self._knowledge.config_version})


def _add_documents(app: web.Application) -> None:
    documents = {
        "/": discovery.paths(),
        "/apis": discovery.api_groups(),
        "/apis/": discovery.api_groups(),
        _ROOT: discovery.api_group(),
        "/openapi/v2": discovery.openapi_v2(),
        "/openapi/v3": discovery.openapi_v3_index(),
    }
    for version in discovery.VERSIONS:
        documents[f"{_ROOT}/{version}"] = discovery.api_resources(version)
        documents[f"/openapi/v3{_ROOT}/{version}"] = discovery.openapi_v3()
    for path, document in documents.items():
        app.router.add_get(path, _showing(document))


def _showing(document: dict[str, Any]) -> Any:
    async def show(_request: web.Request) -> web.Response:
        return json_answer(document)

    return show


async def _show_version(_request: web.Request) -> web.Response:
    return json_answer(version_info(platform.python_version(), sys.platform, platform.machine()))


async def _show_guestfs(_request: web.Request) -> web.Response:
    return json_answer({"registry": "", "tag": VERSION, "digest": "", "imagePrefix": "", "gsImage": ""})


async def _show_nothing(_request: web.Request) -> web.Response:
    missing = Failure(code=404, reason="NotFound", message="the server could not find the requested resource")
    return json_answer(missing.as_json(), 404)
