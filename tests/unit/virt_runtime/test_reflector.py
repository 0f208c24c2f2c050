"""The cache follows the API through closed watches, lost history and errors."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.fakes.kube import fake_kube
from tests.fakes.waiting import until
from virt_runtime import reflector as reflector_module
from virt_runtime import transport
from virt_runtime.kube import KubeClient
from virt_runtime.reflector import Reflector
from virt_runtime.resources import CONFIGMAPS, Json
from virt_runtime.store import Store

PATH = "/api/v1/namespaces/ns/configmaps"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(reflector_module, "FIRST_WAIT", 0.001)


def config_map(name: str, **labels: str) -> Json:
    return {"metadata": {"name": name, "labels": labels, "managedFields": [{"manager": "x"}]}}


@contextlib.asynccontextmanager
async def following(kube: KubeClient, **scope: str) -> AsyncIterator[tuple[Reflector, Store]]:
    store = Store()
    reflector = Reflector(kube, CONFIGMAPS, store, **scope)
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.wait_for(store.synced.wait(), 60)
        yield reflector, store
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def names(store: Store) -> list[str]:
    return sorted(store.keys())


async def test_lists_then_follows() -> None:
    async with fake_kube() as (fake, kube):
        fake.put(PATH, config_map("a"))
        async with following(kube) as (_, store):
            assert names(store) == ["ns/a"]
            fake.put(PATH, config_map("b"))
            await until(lambda: names(store) == ["ns/a", "ns/b"])
            fake.remove(f"{PATH}/a")
            await until(lambda: names(store) == ["ns/b"])
            found = store.get("ns/b")
            assert found is not None
            assert found["kind"] == "ConfigMap"
            assert "managedFields" not in found["metadata"]


async def test_subscribers_see_old_and_new_and_what_was_there_before() -> None:
    told: list[tuple[str | None, str | None]] = []

    def tell(old: Json | None, new: Json | None) -> None:
        told.append((old and old["metadata"]["labels"].get("v"), new and new["metadata"]["labels"].get("v")))

    async with fake_kube() as (fake, kube):
        fake.put(PATH, config_map("a", v="1"))
        async with following(kube) as (reflector, _):
            reflector.subscribe(tell)
            fake.put(PATH, config_map("a", v="2"))
            fake.remove(f"{PATH}/a")
            await until(lambda: len(told) == 3)
    assert told == [(None, "1"), ("1", "2"), ("2", None)]


async def test_a_closed_watch_goes_on_without_a_new_list() -> None:
    async with fake_kube() as (fake, kube), following(kube) as (_, store):
        for name in "abc":
            fake.close_watches()
            fake.put(PATH, config_map(name))
            await until(lambda name=name: f"ns/{name}" in names(store))
        assert fake.lists == 1
        assert names(store) == ["ns/a", "ns/b", "ns/c"]


async def test_lost_history_is_made_good_by_a_new_list() -> None:
    told: list[str] = []
    async with fake_kube() as (fake, kube):
        fake.put(PATH, config_map("gone"))
        async with following(kube) as (reflector, store):
            reflector.subscribe(lambda old, new: told.append("gone" if new is None else new["metadata"]["name"]))
            fake.refuse(500, times=1)
            fake.close_watches()
            fake.remove(f"{PATH}/gone")
            fake.put(PATH, config_map("new"))
            fake.compact()
            await until(lambda: names(store) == ["ns/new"])
            await until(lambda: "gone" in told and "new" in told)


async def test_errors_are_outlived() -> None:
    async with fake_kube() as (fake, kube):
        fake.refuse(500, times=3)
        async with following(kube) as (_, store):
            fake.put(PATH, config_map("a"))
            await until(lambda: names(store) == ["ns/a"])


async def test_scope_is_passed_to_the_server() -> None:
    async with fake_kube() as (fake, kube), following(kube, namespace="ns", label_selector="app=x") as (_, store):
        fake.put("/api/v1/namespaces/other/configmaps", config_map("c", app="x"))
        fake.put(PATH, config_map("a", app="y"))
        fake.put(PATH, config_map("b", app="x"))
        await until(lambda: names(store) == ["ns/b"])


def test_indexes_follow_the_objects() -> None:
    store = Store()
    store.put({"metadata": {"name": "a", "namespace": "ns", "labels": {"v": "1"}}})
    store.add_index("v", lambda obj: [obj["metadata"]["labels"]["v"]])
    store.put({"metadata": {"name": "b", "namespace": "ns", "labels": {"v": "1"}}})
    assert [obj["metadata"]["name"] for obj in store.by_index("v", "1")] == ["a", "b"]
    store.put({"metadata": {"name": "a", "namespace": "ns", "labels": {"v": "2"}}})
    assert [obj["metadata"]["name"] for obj in store.by_index("v", "1")] == ["b"]
    assert [obj["metadata"]["name"] for obj in store.by_index("v", "2")] == ["a"]
    store.drop("ns/a")
    assert store.by_index("v", "2") == []
