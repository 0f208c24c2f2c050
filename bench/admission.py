"""Creations on trial (`dryRun=All`): VMIs through our two webhooks, and the same objects through two that do nothing.

For the second kind, the CRD of VMIs is installed once more under a group of its own, so that the API server does the
same work for both.
"""

import argparse
import asyncio
import base64
import contextlib
import copy
import socket
import time
from collections.abc import AsyncIterator
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from bench.figures import p50, percentile, table
from bench.noop import webhook
from bench.subjects import VMIS, guest, laboratory
from virt_runtime import access
from virt_runtime.errors import ApiError, NotFound
from virt_runtime.kube import KubeClient
from virt_runtime.resources import CRDS, MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Json, Resource

GROUP = "bench.podvirt.io"
TWINS = Resource(GROUP, "v1", "virtualmachineinstances")
NAME = f"virtualmachineinstances.{GROUP}"
AT_ONCE, ROUNDS, SECONDS = 8, 3, 8.0
HOOKS = ((MUTATING_WEBHOOKS, "Mutating"), (VALIDATING_WEBHOOKS, "Validating"))


def _twin_crd(crd: Json) -> Json:
    spec = copy.deepcopy(crd["spec"])
    spec["group"], spec["names"] = GROUP, {**spec["names"], "shortNames": [], "categories": []}
    return {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": {"name": NAME}, "spec": spec}


def _hook(kind: str, url: str, authority: bytes) -> Json:
    rule = {"apiGroups": [GROUP], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [TWINS.plural]}
    one = {
        "name": f"noop.{GROUP}",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "clientConfig": {"url": url, "caBundle": base64.b64encode(authority).decode()},
        "rules": [rule],
    }
    api, name = "admissionregistration.k8s.io/v1", {"name": NAME}
    return {"apiVersion": api, "kind": f"{kind}WebhookConfiguration", "metadata": name, "webhooks": [one]}


def _own_address(server: str) -> str:
    """The address of ours that the API server sees."""
    there = urlsplit(server)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((there.hostname, there.port or 443))
        return str(probe.getsockname()[0])


@contextlib.asynccontextmanager
async def _twins(kube: KubeClient, url: str, authority: bytes) -> AsyncIterator[None]:
    """Objects like VMIs, admitted by the webhook at `url`, twice."""
    try:
        await kube.create(CRDS, None, _twin_crd(await kube.get(CRDS, None, "virtualmachineinstances.kubevirt.io")))
        for resource, kind in HOOKS:
            await kube.create(resource, None, _hook(kind, url, authority))
        yield
    finally:
        for resource in (*(each for each, _ in HOOKS), CRDS):
            with contextlib.suppress(NotFound):
                await kube.delete(resource, None, NAME)


async def _served(kube: KubeClient, namespace: str, body: Json) -> None:
    """Until the API server knows the new kind."""
    async with asyncio.timeout(60):
        while True:
            try:
                await kube.create(TWINS, namespace, body, dry_run=True)
                return
            except ApiError:
                await asyncio.sleep(0.5)


async def _round(kube: KubeClient, resource: Resource, namespace: str, body: Json) -> tuple[float, list[float]]:
    """Creations a second, and how long each took in seconds."""
    took: list[float] = []
    began = time.perf_counter()

    async def repeat() -> None:
        while (start := time.perf_counter()) < began + SECONDS:
            await kube.create(resource, namespace, body, dry_run=True)
            took.append(time.perf_counter() - start)

    await asyncio.gather(*(repeat() for _ in range(AT_ONCE)))
    return len(took) / (time.perf_counter() - began), took


async def measure(kubeconfig: str, options: argparse.Namespace) -> dict[str, Any]:
    namespace = f"bench-api-{int(time.time())}"
    ours = guest("trial")
    twin = {**ours, "apiVersion": f"{GROUP}/v1"}
    subjects = (("podvirt's webhooks", VMIS, ours), ("webhooks that do nothing", TWINS, twin))
    rates: dict[str, list[float]] = {name: [] for name, _, _ in subjects}
    waits: dict[str, list[float]] = {name: [] for name, _, _ in subjects}
    with webhook(_own_address(access.load(kubeconfig).server)) as (url, authority):
        async with (
            KubeClient.connect(kubeconfig, "bench") as kube,
            laboratory(kube, namespace),
            _twins(kube, url, authority),
        ):
            await _served(kube, namespace, twin)
            for _ in range(ROUNDS):
                for name, resource, body in subjects:
                    rate, took = await _round(kube, resource, namespace, body)
                    rates[name].append(rate)
                    waits[name] += took
    rows = [
        (name, median(rates[name]), p50(waits[name]) * 1000, percentile(waits[name], 0.99) * 1000)
        for name, _, _ in subjects
    ]
    table(f"creations on trial, {AT_ONCE} at once", ["admitted by", "a second", "p50 ms", "p99 ms"], rows)
    (_, rate, _, worst), (_, plain_rate, _, plain_worst) = rows
    print(f"\nrate {rate / plain_rate:.2f} of doing nothing, p99 {worst / plain_worst:.2f} times")
    return {name: figures for name, *figures in rows}
