"""The aggregated API's routes: discovery for everybody, subresources for whom the gate lets in."""

from __future__ import annotations

import platform
import sys
from typing import Any

from aiohttp import web

from virt_api.adapters.answers import answering_failures, json_answer
from virt_api.adapters.gate import Gate
from virt_api.adapters.knowledge import Knowledge
from virt_api.adapters.machines import Machines
from virt_api.adapters.streams import Streams
from virt_api.plan import discovery
from virt_api.plan.authorization import Call
from virt_api.plan.lifecycle import VERBS
from virt_api.plan.status import Failure
from virt_model.version import VERSION, version_info
from virt_runtime.errors import ApiError
from virt_runtime.kube import KubeClient

_ROOT = f"/apis/{discovery.GROUP}"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Subresources:
    def __init__(
        self, kube: KubeClient, knowledge: Knowledge, gate: Gate, machines: Machines, streams: Streams
    ) -> None:
        self._kube, self._knowledge = kube, knowledge
        self._gate, self._machines, self._streams = gate, machines, streams

    def add_to(self, app: web.Application) -> None:
        _add_documents(app)
        for version in discovery.VERSIONS:
            root = f"{_ROOT}/{version}"
            app.router.add_get(f"{root}/version", _show_version)
            app.router.add_get(f"{root}/guestfs", _show_guestfs)
            app.router.add_get(f"{root}/healthz", self._show_health)
            one = f"{root}/namespaces/{{namespace}}"
            for verb in VERBS:
                path = f"{one}/virtualmachines/{{name}}/{verb}"
                app.router.add_put(path, answering_failures(self._change))
            console = f"{one}/virtualmachineinstances/{{name}}/console"
            app.router.add_get(console, answering_failures(self._stream))
        app.router.add_route("*", f"{_ROOT}/{{rest:.*}}", _show_nothing)

    async def _change(self, request: web.Request) -> web.StreamResponse:
        call = _call(request)
        if refusal := await self._gate.refusal(request, call):
            return refusal
        await self._machines.change(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        call = _call(request)
        if refusal := await self._gate.refusal(request, call):
            return refusal
        return await self._streams.serve(request, call.namespace, call.name, call.subresource)

    async def _show_health(self, _request: web.Request) -> web.Response:
        try:
            version: Any = await self._kube.raw("GET", "/version")
        except ApiError as error:
            return json_answer({"apiserver": {"connectivity": "failed", "error": str(error)}}, 500)
        reached = {"connectivity": "ok", "version": version}
        return json_answer({"apiserver": reached, "config-resource-version": self._knowledge.config_version})


def _call(request: web.Request) -> Call:
    """A route's path is /apis/GROUP/VERSION/namespaces/NS/RESOURCE/NAME/SUBRESOURCE."""
    parts = request.path.split("/", 8)
    return Call(
        method=request.method,
        version=parts[3],
        namespace=request.match_info["namespace"],
        resource=parts[6],
        name=request.match_info["name"],
        subresource=parts[8],
    )


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
    machine = platform.machine()
    where = f"{sys.platform}/{_ARCHITECTURES.get(machine, machine)}"
    return json_answer(version_info(platform.python_version(), where))


async def _show_guestfs(_request: web.Request) -> web.Response:
    return json_answer({"registry": "", "tag": VERSION, "digest": "", "imagePrefix": "", "gsImage": ""})


async def _show_nothing(_request: web.Request) -> web.Response:
    missing = Failure(code=404, reason="NotFound", message="the server could not find the requested resource")
    return json_answer(missing.as_json(), 404)
