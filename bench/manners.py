"""How migrations are made while something is measured: settings of the KubeVirt object, put back afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from virt_runtime.kube import KubeClient
from virt_runtime.resources import KUBEVIRTS, Json

NAMESPACE, NAME = "kubevirt", "kubevirt"
SETTLE_SECONDS = 180


@contextlib.asynccontextmanager
async def manners(kube: KubeClient, migrations: Json) -> AsyncIterator[None]:
    """With these `spec.configuration.migrations` besides those that are there; {} changes nothing."""
    if not migrations:
        yield
        return
    before = (await kube.get(KUBEVIRTS, NAMESPACE, NAME))["spec"].get("configuration", {}).get("migrations") or {}
    await _set(kube, migrations)
    try:
        yield
    finally:
        await _set(kube, {key: before.get(key) for key in migrations})


async def _set(kube: KubeClient, migrations: Json) -> None:
    change = {"spec": {"configuration": {"migrations": migrations}}}
    await kube.merge_patch(KUBEVIRTS, NAMESPACE, NAME, change)
    async with asyncio.timeout(SETTLE_SECONDS):
        while not _settled(await kube.get(KUBEVIRTS, NAMESPACE, NAME)):
            await asyncio.sleep(0.5)


def _settled(kubevirt: Json) -> bool:
    return bool(kubevirt["status"].get("observedGeneration") == kubevirt["metadata"]["generation"])
