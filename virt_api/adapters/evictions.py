"""The eviction webhook: looks at the pod and its VMI, and marks the VMI that has to move first.

A drain waits for the answer, so what cannot be found out denies: whoever drains asks again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from virt_api.adapters.knowledge import Knowledge
from virt_api.plan.admission import Verdict, review
from virt_api.plan.evictions import Decision, decide, denied, guest_of
from virt_api.plan.reading import Raw, text
from virt_model.name_forms import label_faults, subdomain_faults
from virt_runtime.errors import ApiError, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import PODS, VIRTUAL_MACHINE_INSTANCES

LOG = logging.getLogger(__name__)
PATH = "/pod-eviction-validate"
Tell = Callable[[Raw, str, str], None]
"""Of an object, a reason and a message: a Warning event."""


class Evictions:
    def __init__(self, kube: KubeClient, knowledge: Knowledge, tell: Tell) -> None:
        self._kube, self._knowledge, self._tell = kube, knowledge, tell

    async def answer(self, wanted: Raw) -> Raw:
        """The AdmissionReview that answers the `request` of one."""
        refusal = (await self._decide(wanted)).refusal
        if refusal is not None:
            pod = about(kind="Pod", namespace=text(wanted, "namespace"), name=text(wanted, "name"))
            LOG.info("eviction denied: %s", refusal.message, extra=pod)
        return review(wanted, Verdict(refusal=refusal))

    async def _decide(self, wanted: Raw) -> Decision:
        namespace, name = text(wanted, "namespace"), text(wanted, "name")
        if label_faults(namespace) or subdomain_faults(name):
            return Decision()  # nothing is called that, and it must not become part of a path
        try:
            pod = await self._kube.get(PODS, namespace, name)
        except NotFound:
            return Decision()  # the API server says so itself
        except ApiError as error:
            return Decision(refusal=denied(f"kubevirt failed getting the pod: {error.message}"))
        guest = guest_of(pod)
        if not guest:
            return Decision()
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, guest)
        except ApiError as error:
            return Decision(refusal=denied(f"kubevirt failed getting the vmi: {error.message}"))
        decision = decide(pod, vmi, self._knowledge.config.eviction_strategy)
        return await self._carried_out(decision, vmi, dry=bool(wanted.get("dryRun")))

    async def _carried_out(self, decision: Decision, vmi: Raw, *, dry: bool) -> Decision:
        if decision.told and not dry and decision.refusal is not None:
            self._tell(vmi, "FailedEvict", decision.refusal.message)
        if not decision.patch:
            return decision
        metadata: dict[str, Any] = vmi["metadata"]
        try:
            await self._kube.json_patch(
                VIRTUAL_MACHINE_INSTANCES, metadata["namespace"], metadata["name"], list(decision.patch), dry_run=dry
            )
        except ApiError as error:
            return Decision(refusal=denied(f"kubevirt failed marking the vmi for eviction: {error.message}"))
        return decision
