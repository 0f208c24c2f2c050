"""The admission webhooks: an AdmissionReview in, its answer out, with no call in between.

There are two exceptions. The creation of a migration has to look at its VMI, and nothing waits for that one. What an
eviction needs is a matter of `evictions`.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec
from aiohttp import web

from virt_api.adapters import evictions
from virt_api.adapters.answers import json_answer
from virt_api.adapters.evictions import Evictions
from virt_api.adapters.knowledge import Knowledge
from virt_api.plan.admission import ADMISSIONS, NEW_MIGRATION, World, answer
from virt_api.plan.defaults.vmi import Chance
from virt_api.plan.reading import table, text
from virt_api.plan.rules.migration import MigrationNews
from virt_model import labels
from virt_model.name_forms import subdomain_faults
from virt_runtime.clock import Clock, rfc3339
from virt_runtime.errors import NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.metrics import Metrics
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, VIRTUAL_MACHINE_INSTANCES

LOG = logging.getLogger(__name__)
VALIDATED_VM = "/virtualmachines-validate"
NO_NEWS = MigrationNews(vmi=None, others=())


class Webhooks:
    """`namespace` is where our components live: their service accounts may do what users may not."""

    def __init__(
        self,
        kube: KubeClient,
        knowledge: Knowledge,
        namespace: str,
        clock: Clock,
        metrics: Metrics,
        evicts: Evictions,
    ) -> None:
        self._evictions = evicts
        self._kube, self._knowledge, self._namespace, self._clock = kube, knowledge, namespace, clock
        self._created = metrics.counter("kubevirt_vm_created_by_pod_total")

    def add_to(self, app: web.Application) -> None:
        for path in ADMISSIONS:
            app.router.add_post(path, self._admit)
        app.router.add_post(evictions.PATH, self._evict)

    async def _admit(self, request: web.Request) -> web.Response:
        wanted = await _request_of(request)
        news = await self._look_up(wanted) if request.path == NEW_MIGRATION else NO_NEWS
        said = answer(request.path, wanted, self._world(news))
        self._account(request.path, wanted, said)
        return json_answer(said)

    async def _evict(self, request: web.Request) -> web.Response:
        return json_answer(await self._evictions.answer(await _request_of(request)))

    def _world(self, news: MigrationNews) -> World:
        chance = Chance(uuid=str(uuid.uuid4()), serial=str(uuid.uuid4()), now=rfc3339(self._clock.now()))
        return World(config=self._knowledge.config, namespace=self._namespace, chance=chance, news=news)

    async def _look_up(self, wanted: dict[str, Any]) -> MigrationNews:
        namespace, name = text(wanted, "namespace"), text(wanted, "object", "spec", "vmiName")
        if subdomain_faults(name):  # nothing is called that, and it must not become part of a path
            return NO_NEWS
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
        except NotFound:
            return NO_NEWS
        selector = f"{labels.MIGRATION_VMI_NAME}={name}"
        others = await self._kube.list(VIRTUAL_MACHINE_INSTANCE_MIGRATIONS, namespace, label_selector=selector)
        return MigrationNews(vmi=vmi, others=tuple(others))

    def _account(self, path: str, wanted: dict[str, Any], said: dict[str, Any]) -> None:
        if said["response"]["allowed"]:
            if path == VALIDATED_VM and text(wanted, "operation") == "CREATE" and not wanted.get("dryRun"):
                self._created.labels(text(wanted, "namespace")).inc()
            return
        refused = about(
            kind=text(wanted, "kind", "kind"), namespace=text(wanted, "namespace"), name=text(wanted, "name"),
            uid=text(wanted, "object", "metadata", "uid"),
        )  # fmt: skip
        LOG.info("%s refused: %s", path, text(said, "response", "status", "message"), extra=refused)


async def _request_of(http: web.Request) -> dict[str, Any]:
    """The `request` of the AdmissionReview in the body. Raises HTTPBadRequest."""
    try:
        review: Any = msgspec.json.decode(await http.read())
    except (msgspec.DecodeError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"not an AdmissionReview: {error}") from error
    wanted = table(review, "request")
    if not text(wanted, "uid"):
        raise web.HTTPBadRequest(text="not an AdmissionReview: it has no request.uid")
    return wanted
