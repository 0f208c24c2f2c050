"""The operator's real loop on the fake API, with pods that become ready when asked to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from tests.fakes.kube import FakeKube, fake_kube
from virt_operator.leading import lead
from virt_operator.plan.observed import Own
from virt_operator.plan.settings import Images
from virt_runtime.kube import KubeClient
from virt_runtime.queue import WorkQueue

Json = dict[str, Any]
NAMESPACE = "kubevirt"
KUBEVIRTS = f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/kubevirts"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
KEY = ("apis/kubevirt.io/v1/kubevirts", NAMESPACE, "kubevirt")


def kubevirt(**spec: Any) -> Json:
    metadata = {"name": "kubevirt", "generation": 1}
    return {"apiVersion": "kubevirt.io/v1", "kind": "KubeVirt", "metadata": metadata, "spec": spec}


class World:
    def __init__(self, fake: FakeKube, kube: KubeClient) -> None:
        self.fake, self.kube = fake, kube

    def all(self, plural: str) -> dict[str, Json]:
        return {name: obj for (path, _, name), obj in self.fake.objects.items() if path.endswith(f"/{plural}")}

    def status(self) -> Json:
        return self.fake.objects.get(KEY, {}).get("status") or {}

    def condition(self, kind: str) -> str:
        return self._of_condition(kind, "status")

    def message(self, kind: str) -> str:
        return self._of_condition(kind, "message")

    def _of_condition(self, kind: str, field: str) -> str:
        listed = self.status().get("conditions") or []
        return next((each[field] for each in listed if each["type"] == kind), "")

    def names(self) -> set[str]:
        return {f"{path.rsplit('/', 1)[1]}/{name}" for path, _, name in self.fake.objects}

    def bring_up(self) -> None:
        """What the cluster's own controllers do: pods start, the aggregated API answers."""
        for (path, namespace, _), obj in [*self.fake.objects.items()]:
            plural = path.rsplit("/", 1)[1]
            status = _healthy(plural, obj)
            if status and obj.get("status") != status:
                scope = f"/{path.rsplit('/', 1)[0]}" + (f"/namespaces/{namespace}" if namespace else "")
                self.fake.put(f"{scope}/{plural}", {**obj, "status": status})


def _healthy(plural: str, obj: Json) -> Json | None:
    generation = obj["metadata"].get("generation", 0)
    if plural == "deployments":
        wanted = obj["spec"]["replicas"]
        return {
            "observedGeneration": generation,
            "replicas": wanted,
            "updatedReplicas": wanted,
            "availableReplicas": wanted,
        }
    if plural == "daemonsets":
        counts = ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
        return {"observedGeneration": generation, **dict.fromkeys(counts, 2)}
    if plural == "apiservices":
        return {"conditions": [{"type": "Available", "status": "True"}]}
    return None


@contextlib.asynccontextmanager
async def world(image_tag: str = "v0.1.0") -> AsyncIterator[World]:
    async with fake_kube() as (fake, kube), operating(kube, image_tag):
        yield World(fake, kube)


@contextlib.asynccontextmanager
async def operating(kube: KubeClient, image_tag: str = "v0.1.0") -> AsyncIterator[None]:
    """A leading operator of that release."""
    own = Own(namespace=NAMESPACE, images=Images(tag=image_tag))
    task = asyncio.create_task(lead(kube, own, WorkQueue()))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
