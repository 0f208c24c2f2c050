"""The aggregated API's subresources: one table of what can be done, for whom the gate lets in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from aiohttp import web

from virt_api.adapters.answers import Handler, answering_failures, failure_answer
from virt_api.adapters.documents import ROOT
from virt_api.adapters.gate import Gate
from virt_api.adapters.guests import Guests
from virt_api.adapters.machines import Machines
from virt_api.adapters.screens import Screens
from virt_api.adapters.streams import Streams
from virt_api.adapters.tunnels import Tunnels
from virt_api.plan import discovery
from virt_api.plan.authorization import Call
from virt_api.plan.guest_actions import GUEST_ACTIONS
from virt_api.plan.lifecycle import VERBS
from virt_api.plan.status import CallFailed, Failure, not_found
from virt_api.plan.stream import DEVICES
from virt_model.name_forms import label_faults, subdomain_faults

VMS, VMIS = "virtualmachines", "virtualmachineinstances"
PORT = ("/{port}", "/{port}/{protocol}")
"""What may follow a subresource in a path without being part of its name."""

Act = Callable[[web.Request, Call], Awaitable[web.StreamResponse]]


class Row(NamedTuple):
    """Some subresources of a resource: how they are called, and who answers."""

    method: str
    resource: str
    subresources: Iterable[str]
    act: Act
    tails: tuple[str, ...] = ("",)


class Subresources:
    def __init__(
        self, *, gate: Gate, machines: Machines, guests: Guests, streams: Streams, screens: Screens, tunnels: Tunnels
    ) -> None:
        self._gate, self._machines, self._guests = gate, machines, guests
        self._streams, self._screens, self._tunnels = streams, screens, tunnels

    def add_to(self, app: web.Application) -> None:
        for version in discovery.VERSIONS:
            for row in self._rows():
                for subresource in row.subresources:
                    handler = self._guarded(version, row, subresource)
                    one = f"{ROOT}/{version}/namespaces/{{namespace}}/{row.resource}/{{name}}/{subresource}"
                    for tail in row.tails:
                        app.router.add_route(row.method, f"{one}{tail}", handler)
        app.router.add_route("*", f"{ROOT}/{{rest:.*}}", _show_nothing)

    def _rows(self) -> tuple[Row, ...]:
        return (
            Row("PUT", VMS, VERBS, self._change),
            Row("PUT", VMIS, GUEST_ACTIONS, self._act),
            Row("GET", VMIS, DEVICES, self._stream),
            Row("GET", VMIS, ("vnc/screenshot",), self._shoot),
            Row("GET", VMS, ("portforward",), self._forward, PORT),
            Row("GET", VMIS, ("portforward",), self._forward, PORT),
        )

    def _guarded(self, version: str, row: Row, subresource: str) -> Handler:
        """A handler that acts only for callers who may."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            call = _call(request, version, row.resource, subresource)
            refusal = await self._gate.refusal(request, call)
            return await row.act(request, call) if refusal is None else refusal

        return answering_failures(guarded)

    async def _change(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._machines.change(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=202)

    async def _act(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._guests.act(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=200)

    async def _stream(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._streams.serve(request, call.namespace, call.name, call.subresource)

    async def _shoot(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._screens.shoot(request, call.namespace, call.name)

    async def _forward(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._tunnels.serve(request, call.kind, call.namespace, call.name)


def _call(request: web.Request, version: str, resource: str, subresource: str) -> Call:
    """The call that a request makes. Raises CallFailed where the names can be nobody's (`..%2Fpods`)."""
    namespace, name = request.match_info["namespace"], request.match_info["name"]
    call = Call(
        method=request.method,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
    )
    if label_faults(namespace) or subdomain_faults(name):
        raise CallFailed(not_found(call.kind, name))
    return call


async def _show_nothing(_request: web.Request) -> web.Response:
    missing = Failure(code=404, reason="NotFound", message="the server could not find the requested resource")
    return failure_answer(missing)
