"""The aggregated API's subresources: one table of what can be done, for whom the gate lets in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from aiohttp import web

from virt_api.adapters.answers import Handler, answering_failures, failure_answer
from virt_api.adapters.documents import ROOT
from virt_api.adapters.gate import Gate
from virt_api.adapters.guests import Guests
from virt_api.adapters.inquiries import Inquiries
from virt_api.adapters.machines import Machines
from virt_api.adapters.moves import Moves
from virt_api.adapters.screens import Screens
from virt_api.adapters.streams import Streams
from virt_api.adapters.tunnels import Tunnels
from virt_api.plan import discovery, later
from virt_api.plan.authorization import Call
from virt_api.plan.guest_actions import GUEST_ACTIONS, GUEST_QUESTIONS
from virt_api.plan.lifecycle import VERBS
from virt_api.plan.status import CallFailed, Failure, not_found
from virt_api.plan.stream import DEVICES
from virt_model.name_forms import label_faults, subdomain_faults

VMS, VMIS = "virtualmachines", "virtualmachineinstances"
PORT = ("/{port}", "/{port}/{protocol}")
"""What may follow a subresource in a path without being part of its name."""

Act = Callable[[web.Request, Call], Awaitable[web.StreamResponse]]


class Row(NamedTuple):
    """Some subresources of a resource (the empty one: what is called is the namespace's own), and who answers."""

    method: str
    resource: str
    subresources: Iterable[str]
    act: Act
    tails: tuple[str, ...] = ("",)


class Subresources:
    def __init__(
        self, *, gate: Gate, machines: Machines, moves: Moves, guests: Guests, inquiries: Inquiries, streams: Streams,
        screens: Screens, tunnels: Tunnels,
    ) -> None:  # fmt: skip
        self._gate, self._machines, self._moves, self._guests = gate, machines, moves, guests
        self._inquiries, self._streams, self._screens, self._tunnels = inquiries, streams, screens, tunnels

    def add_to(self, app: web.Application) -> None:
        for version in discovery.VERSIONS:
            for row in self._rows():
                for subresource in row.subresources:
                    handler = self._guarded(version, row, subresource)
                    one = "/{name}/" + subresource if subresource else ""
                    path = f"{ROOT}/{version}/namespaces/{{namespace}}/{row.resource}{one}"
                    for tail in row.tails:
                        app.router.add_route(row.method, path + tail, handler)
        app.router.add_route("*", f"{ROOT}/{{rest:.*}}", _show_nothing)

    def _rows(self) -> tuple[Row, ...]:
        return (
            Row("PUT", VMS, VERBS, self._change),
            Row("PUT", VMS, ("migrate",), self._migrate),
            Row("PUT", VMS, ("evacuate/cancel",), self._call_off),
            Row("PUT", VMIS, ("evacuate/cancel",), self._call_off),
            Row("PUT", VMIS, GUEST_ACTIONS, self._act),
            Row("GET", VMIS, GUEST_QUESTIONS, self._ask),
            Row("GET", VMIS, DEVICES, self._stream),
            Row("GET", VMIS, ("vnc/screenshot",), self._shoot),
            Row("GET", VMS, ("portforward",), self._forward, PORT),
            Row("GET", VMIS, ("portforward",), self._forward, PORT),
            Row("GET", VMS, ("expand-spec",), self._expand),
            Row("PUT", "expand-vm-spec", ("",), self._expand_manifest),
            Row("GET", VMS, ("objectgraph",), self._show_graph),
            Row("GET", VMIS, ("objectgraph",), self._show_graph),
            Row("PUT", VMS, later.OF_VM, self._refuse(later.OF_VM)),
            Row("PUT", VMIS, later.OF_VMI, self._refuse(later.OF_VMI)),
            Row("GET", VMIS, later.OF_VMI_TO_READ, self._refuse(later.OF_VMI_TO_READ)),
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

    async def _migrate(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._moves.migrate(call.namespace, call.name, await request.read())
        return web.Response(status=202)

    async def _call_off(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._moves.call_off(call, await request.read())
        return web.Response(status=200)

    async def _act(self, request: web.Request, call: Call) -> web.StreamResponse:
        await self._guests.act(call.subresource, call.namespace, call.name, await request.read())
        return web.Response(status=200)

    async def _ask(self, _request: web.Request, call: Call) -> web.StreamResponse:
        answer = await self._guests.ask(call.subresource, call.namespace, call.name)
        return web.Response(body=answer, content_type="application/json")

    async def _stream(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._streams.serve(request, call.namespace, call.name, call.subresource)

    async def _shoot(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._screens.shoot(request, call.namespace, call.name)

    async def _forward(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._tunnels.serve(request, call.kind, call.namespace, call.name)

    async def _expand(self, _request: web.Request, call: Call) -> web.StreamResponse:
        return await self._inquiries.expand(call)

    async def _expand_manifest(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._inquiries.expand_manifest(call, await request.read())

    async def _show_graph(self, request: web.Request, call: Call) -> web.StreamResponse:
        return await self._inquiries.show_graph(call, await request.read())

    def _refuse(self, reasons: Mapping[str, later.Refuse]) -> Act:
        """Who says no to actions that come later: each for its reason."""

        async def refuse(request: web.Request, call: Call) -> web.StreamResponse:
            return await self._inquiries.refuse(call, reasons[call.subresource], await request.read())

        return refuse


def _call(request: web.Request, version: str, resource: str, subresource: str) -> Call:
    """The call that a request makes. Raises CallFailed where the names can be nobody's (`..%2Fpods`)."""
    namespace, name = request.match_info["namespace"], request.match_info.get("name", "")
    call = Call(
        method=request.method,
        version=version,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
    )
    if label_faults(namespace) or (subresource and subdomain_faults(name)):
        raise CallFailed(not_found(call.kind, name))
    return call


async def _show_nothing(_request: web.Request) -> web.Response:
    missing = Failure(code=404, reason="NotFound", message="the server could not find the requested resource")
    return failure_answer(missing)
