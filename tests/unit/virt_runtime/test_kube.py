"""The client against the fake API over real HTTP: verbs, errors, retries."""

from __future__ import annotations

import pytest

from tests.fakes.kube import fake_kube
from virt_runtime import transport
from virt_runtime.access import Access
from virt_runtime.kube import AlreadyExists, ApiError, Conflict, Invalid, KubeClient, NotFound, Unreachable
from virt_runtime.resources import CONFIGMAPS, NODES, PODS, Json, Resource


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_WAIT", 0.001)


def test_paths() -> None:
    vms = Resource("kubevirt.io", "v1", "virtualmachines")
    assert PODS.path("ns", "p", "status") == "/api/v1/namespaces/ns/pods/p/status"
    assert PODS.path() == "/api/v1/pods"
    assert NODES.path(None, "n") == "/api/v1/nodes/n"
    assert vms.path("ns") == "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines"
    assert str(vms) == "virtualmachines.kubevirt.io"


async def test_every_verb_keeps_unknown_fields() -> None:
    async with fake_kube() as (_, kube):
        made = await kube.create(CONFIGMAPS, "ns", {**config_map("a", x="1"), "unheardOf": {"deep": [1]}})
        assert made["metadata"]["uid"]
        await kube.json_patch(CONFIGMAPS, "ns", "a", [{"op": "add", "path": "/data/y", "value": "2"}])
        await kube.merge_patch(CONFIGMAPS, "ns", "a", {"data": {"x": None}})
        await kube.apply(CONFIGMAPS, "ns", "a", {**config_map("a", z="3")}, "tester")
        got = await kube.get(CONFIGMAPS, "ns", "a")
        assert got["data"] == {"y": "2", "z": "3"}
        assert got["unheardOf"] == {"deep": [1]}
        replaced = await kube.replace(CONFIGMAPS, "ns", "a", {**got, "data": {}})
        assert replaced["data"] == {}
        await kube.delete(CONFIGMAPS, "ns", "a", uid=got["metadata"]["uid"])
        with pytest.raises(NotFound):
            await kube.get(CONFIGMAPS, "ns", "a")


async def test_listed_items_say_what_they_are_and_pages_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virt_runtime.kube.PAGE", 2)
    async with fake_kube() as (fake, kube):
        for number in range(5):
            await kube.create(CONFIGMAPS, "ns", config_map(f"c{number}"))
        items = await kube.list(CONFIGMAPS)
        assert [item["metadata"]["name"] for item in items] == ["c0", "c1", "c2", "c3", "c4"]
        assert {(item["kind"], item["apiVersion"]) for item in items} == {("ConfigMap", "v1")}
        assert fake.requests.count(("GET", "/api/v1/configmaps")) == 3


async def test_refusals_are_told_apart() -> None:
    async with fake_kube() as (fake, kube):
        made = await kube.create(CONFIGMAPS, "ns", config_map("a"))
        with pytest.raises(AlreadyExists):
            await kube.create(CONFIGMAPS, "ns", config_map("a"))
        stale = {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}}
        with pytest.raises(Conflict):
            await kube.replace(CONFIGMAPS, "ns", "a", stale)
        with pytest.raises(Conflict):
            await kube.delete(CONFIGMAPS, "ns", "a", uid="another")
        with pytest.raises(Conflict) as refused:
            await kube.json_patch(CONFIGMAPS, "ns", "a", [{"op": "test", "path": "/data", "value": {"no": "1"}}])
        assert refused.value.status == 409
        assert refused.value.body["kind"] == "Status"
        fake.deny("/configmaps/a", 422, 'admission webhook "w" denied the request: no')
        tested = [{"op": "test", "path": "/data", "value": made["data"]}]
        with pytest.raises(Invalid, match="denied the request"):
            await kube.json_patch(CONFIGMAPS, "ns", "a", tested)


@pytest.mark.parametrize("status", [429, 503])
async def test_an_overloaded_server_is_asked_again(status: int) -> None:
    async with fake_kube() as (fake, kube):
        fake.refuse(status, times=2, retry_after="0")
        await kube.create(CONFIGMAPS, "ns", config_map("a"))
        assert len(fake.requests) == 3


async def test_retries_end() -> None:
    async with fake_kube() as (fake, kube):
        fake.refuse(503, times=100)
        with pytest.raises(ApiError) as refused:
            await kube.get(CONFIGMAPS, "ns", "a")
        assert refused.value.status == 503
        assert len(fake.requests) == transport.ATTEMPTS


async def test_other_failures_are_not_retried() -> None:
    async with fake_kube() as (fake, kube):
        fake.refuse(500)
        with pytest.raises(ApiError):
            await kube.get(CONFIGMAPS, "ns", "a")
        assert len(fake.requests) == 1


async def test_an_unreachable_server_is_named(unused_tcp_port: int) -> None:
    async with KubeClient.over(Access(server=f"http://127.0.0.1:{unused_tcp_port}", tls=None)) as kube:
        with pytest.raises(Unreachable, match=rf"http://127.0.0.1:{unused_tcp_port} cannot be reached"):
            await kube.get(CONFIGMAPS, "ns", "a")


async def test_the_observer_sees_every_attempt() -> None:
    seen: list[tuple[str, str, int]] = []
    async with fake_kube() as (fake, kube):
        fake.refuse(503, retry_after="0")
        observed = KubeClient.over(
            Access(server=kube.server, tls=None),
            observe=lambda attempt: seen.append((attempt.method, attempt.path, attempt.status)),
        )
        async with observed as client:
            await client.list(NODES)
    assert seen == [("GET", "/api/v1/nodes", 503), ("GET", "/api/v1/nodes", 200)]


async def test_raw_reaches_any_path() -> None:
    async with fake_kube() as (_, kube):
        listing = await kube.raw("GET", "/api/v1/nodes")
    assert listing["kind"] == "NodeList"
