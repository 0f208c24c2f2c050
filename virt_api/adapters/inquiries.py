"""Questions about VMs and VMIs that are answered with an object made for the answer, or with the reason why not."""

from __future__ import annotations

from aiohttp import web

from api.label_selector import InvalidSelector, requirements
from virt_api.adapters.answers import json_answer
from virt_api.adapters.knowledge import Knowledge
from virt_api.adapters.objects import Objects
from virt_api.plan import later, object_graph
from virt_api.plan.authorization import Call
from virt_api.plan.expand import expanded, expanded_manifest
from virt_api.plan.options import decode
from virt_api.plan.status import VM, CallFailed, bad_request

NO_GRAPH = "ObjectGraph feature gate not enabled: Unable to return object graph."


class Inquiries:
    def __init__(self, objects: Objects, knowledge: Knowledge) -> None:
        self._objects, self._knowledge = objects, knowledge

    async def expand(self, call: Call) -> web.Response:
        """Raises CallFailed and ApiError."""
        return json_answer(expanded(await self._objects.vm(call.namespace, call.name)))

    async def expand_manifest(self, call: Call, body: bytes) -> web.Response:
        """Raises CallFailed."""
        return json_answer(expanded_manifest(body, call.namespace))

    async def show_graph(self, call: Call, body: bytes) -> web.Response:
        """Raises CallFailed and ApiError."""
        if not self._knowledge.config.gate("ObjectGraph"):
            raise CallFailed(bad_request(NO_GRAPH))
        options = _graph_options(body)
        if call.kind == VM:
            vm = await self._objects.vm(call.namespace, call.name)
            vmi = await self._objects.vmi_if_any(call.namespace, call.name)
            return json_answer(object_graph.of_vm(vm, vmi, options))
        return json_answer(object_graph.of_vmi(await self._objects.vmi(call.namespace, call.name), options))

    async def refuse(self, call: Call, refuse: later.Refuse, body: bytes) -> web.Response:
        """Raises CallFailed and ApiError."""
        of_vm = call.kind == VM
        refuse(
            later.Asked(
                name=call.name,
                body=body,
                config=self._knowledge.config,
                vm=await self._objects.vm(call.namespace, call.name) if of_vm else None,
                vmi=await self._objects.vmi_if_any(call.namespace, call.name),
            )
        )


def _graph_options(body: bytes) -> object_graph.Options:
    options = decode(body, object_graph.Options)
    try:
        if options.label_selector is not None:
            requirements(options.label_selector)
    except InvalidSelector as error:
        raise CallFailed(bad_request(str(error))) from error
    return options
