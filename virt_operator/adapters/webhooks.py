"""The operator's admission webhooks over HTTP; the rules are in `plan.admission`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from virt_operator.adapters.kinds import WORKLOADS
from virt_operator.plan import admission
from virt_operator.plan.admission import Answer, Cause
from virt_runtime.errors import Invalid, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import DEPLOYMENTS, KUBEVIRTS, Json, Resource

Decide = Callable[[Json], Awaitable[Answer]]


class Webhooks:
    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube

    def add_to(self, app: web.Application) -> None:
        routes: tuple[tuple[str, Decide], ...] = (
            ("create", self._on_create),
            ("update", self._on_update),
            ("delete", self._on_delete),
        )
        for name, decide in routes:
            app.router.add_post(f"/kubevirt-validate-{name}", _endpoint(decide))

    async def _on_create(self, request: Json) -> Answer:
        return admission.on_create(request["object"], await self._kube.list(KUBEVIRTS))

    async def _on_update(self, request: Json) -> Answer:
        new, old = request["object"], request.get("oldObject") or {}
        answer = admission.on_update(new, old)
        if not answer.allowed:
            return answer
        tried = [self._placed(new, part, where) for part, where in admission.moved_placements(new, old).items()]
        wrong = tuple(cause for cause in await asyncio.gather(*tried) if cause is not None)
        return msgspec.structs.replace(answer, causes=wrong)

    async def _placed(self, kubevirt: Json, part: str, placement: Json) -> Cause | None:
        """What the API server finds wrong with pods of that placement, by a dry run."""
        namespace = kubevirt["metadata"]["namespace"]
        probe = admission.probe_deployment(namespace, placement)
        try:
            await self._kube.create(DEPLOYMENTS, namespace, probe, dry_run=True)
        except Invalid as error:
            return Cause(f"spec.{part}.nodePlacement", error.message)
        return None

    async def _on_delete(self, request: Json) -> Answer:
        plurals = [resource.plural for resource in WORKLOADS.values()]
        counts = await asyncio.gather(*(self._some(resource) for resource in WORKLOADS.values()))
        return admission.on_delete(request["oldObject"], dict(zip(plurals, counts, strict=True)))

    async def _some(self, resource: Resource) -> int:
        """1 when there is at least one object."""
        try:
            page = await self._kube.raw("GET", resource.path(), query={"limit": "1"})
        except NotFound:
            return 0
        return len(page.get("items") or [])


def _endpoint(decide: Decide) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(http: web.Request) -> web.Response:
        review = await http.json()
        request = review["request"]
        answer = await decide(request)
        return web.json_response({**review, "request": None, "response": _response(request["uid"], answer)})

    return handle


def _response(uid: str, answer: Answer) -> Json:
    response: Json = {"uid": uid, "allowed": answer.allowed}
    if answer.warnings:
        response["warnings"] = [*answer.warnings]
    if answer.refusal:
        response["status"] = {"code": 400, "message": answer.refusal}
    elif answer.causes:
        first = answer.causes[:10]
        causes = [{"reason": each.reason, "field": each.field, "message": each.message} for each in first]
        text = ", ".join(each.message for each in first)
        response["status"] = {"code": 422, "reason": "Invalid", "message": text, "details": {"causes": causes}}
    return response
