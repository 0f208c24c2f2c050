"""What the fake API and a real one have in common: each function here runs on both.

They take a client and an empty namespace, and use ConfigMaps, which every cluster has and nobody reconciles.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes.waiting import until
from virt_runtime.kube import AlreadyExists, Conflict, KubeClient, NotFound
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CONFIGMAPS, LEASES, Json
from virt_runtime.store import Store

Contract = Callable[[KubeClient, str], Awaitable[None]]


def config_map(name: str = "", **metadata: object) -> Json:
    named = {"name": name} if name else {"generateName": "made-"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named | metadata, "data": {"x": "1"}}


async def names_are_taken_once(kube: KubeClient, namespace: str) -> None:
    made = await kube.create(CONFIGMAPS, namespace, config_map("once"))
    assert made["metadata"]["uid"]
    with pytest.raises(AlreadyExists):
        await kube.create(CONFIGMAPS, namespace, config_map("once"))
    generated = await kube.create(CONFIGMAPS, namespace, config_map())
    assert generated["metadata"]["name"].startswith("made-")


async def a_stale_write_conflicts(kube: KubeClient, namespace: str) -> None:
    first = await kube.create(CONFIGMAPS, namespace, config_map("stale"))
    await kube.merge_patch(CONFIGMAPS, namespace, "stale", {"data": {"x": "2"}})
    with pytest.raises(Conflict):
        await kube.replace(CONFIGMAPS, namespace, "stale", first)
    with pytest.raises(Conflict):
        await kube.merge_patch(CONFIGMAPS, namespace, "stale", {"metadata": first["metadata"]})


async def patches_do_what_their_type_says(kube: KubeClient, namespace: str) -> None:
    await kube.create(CONFIGMAPS, namespace, config_map("patched"))
    ops = [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/y", "value": "2"}]
    assert (await kube.json_patch(CONFIGMAPS, namespace, "patched", ops))["data"] == {"x": "1", "y": "2"}
    merged = await kube.merge_patch(CONFIGMAPS, namespace, "patched", {"data": {"x": None}})
    assert merged["data"] == {"y": "2"}
    with pytest.raises(Conflict):
        await kube.json_patch(CONFIGMAPS, namespace, "patched", ops)
    with pytest.raises(NotFound):
        await kube.json_patch(CONFIGMAPS, namespace, "absent", ops)


async def apply_creates_and_changes(kube: KubeClient, namespace: str) -> None:
    made = await kube.apply(CONFIGMAPS, namespace, "applied", config_map("applied"), "tester")
    changed = {**config_map("applied"), "data": {"x": "2"}}
    again = await kube.apply(CONFIGMAPS, namespace, "applied", changed, "tester")
    assert (again["metadata"]["uid"], again["data"]) == (made["metadata"]["uid"], {"x": "2"})


async def finalizers_hold_an_object(kube: KubeClient, namespace: str) -> None:
    made = await kube.create(CONFIGMAPS, namespace, config_map("held", finalizers=["example.org/hold"]))
    await kube.delete(CONFIGMAPS, namespace, "held", uid=made["metadata"]["uid"])
    assert (await kube.get(CONFIGMAPS, namespace, "held"))["metadata"]["deletionTimestamp"]
    await kube.merge_patch(CONFIGMAPS, namespace, "held", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await kube.get(CONFIGMAPS, namespace, "held")


async def preconditions_guard_a_delete(kube: KubeClient, namespace: str) -> None:
    await kube.create(CONFIGMAPS, namespace, config_map("guarded"))
    with pytest.raises(Conflict):
        await kube.delete(CONFIGMAPS, namespace, "guarded", uid="00000000-0000-0000-0000-000000000000")
    await kube.delete(CONFIGMAPS, namespace, "guarded")
    with pytest.raises(NotFound):
        await kube.delete(CONFIGMAPS, namespace, "guarded")


async def a_cache_follows_what_it_selects(kube: KubeClient, namespace: str) -> None:
    store = Store()
    wanted = {"labels": {"follow": "me"}}
    await kube.create(CONFIGMAPS, namespace, config_map("before", **wanted))
    reflector = Reflector(kube, CONFIGMAPS, store, namespace, "follow=me")
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(store.synced.wait(), 60)
        await kube.create(CONFIGMAPS, namespace, config_map("other"))
        await kube.create(CONFIGMAPS, namespace, config_map("after", **wanted))
        await until(lambda: store.keys() == {f"{namespace}/before", f"{namespace}/after"})
        assert {each["kind"] for each in store.list()} == {"ConfigMap"}
        await kube.merge_patch(CONFIGMAPS, namespace, "before", {"data": {"x": "9"}})
        await until(lambda: (store.get(f"{namespace}/before") or {}).get("data") == {"x": "9"})
        await kube.delete(CONFIGMAPS, namespace, "after")
        await until(lambda: store.keys() == {f"{namespace}/before"})
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def a_lease_can_be_written(kube: KubeClient, namespace: str) -> None:
    spec = {
        "holderIdentity": "a",
        "leaseDurationSeconds": 25,
        "acquireTime": "2026-01-01T00:00:00.000001Z",
        "renewTime": "2026-01-01T00:00:00.000001Z",
        "leaseTransitions": 0,
    }
    body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": spec}
    made = await kube.create(LEASES, namespace, body)
    given_back = {**made, "spec": {**made["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}}
    await kube.replace(LEASES, namespace, "l", given_back)
    assert not (await kube.get(LEASES, namespace, "l"))["spec"].get("holderIdentity")


CONTRACTS: tuple[Contract, ...] = (
    names_are_taken_once,
    a_stale_write_conflicts,
    patches_do_what_their_type_says,
    apply_creates_and_changes,
    finalizers_hold_an_object,
    preconditions_guard_a_delete,
    a_cache_follows_what_it_selects,
    a_lease_can_be_written,
)
