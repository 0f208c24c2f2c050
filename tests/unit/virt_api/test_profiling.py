"""The cluster's profiler: passed on to the components, and what they say put together."""

from __future__ import annotations

import base64
import marshal
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.fakes.kube import FakeKube, fake_kube
from tests.unit.virt_api.tls import server_context
from virt_api.adapters.knowledge import Knowledge
from virt_api.adapters.profiling import Profiling
from virt_model.config import ClusterConfig
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_runtime.metrics import Metrics
from virt_runtime.profiler import PROFILE
from virt_runtime.serve import operations_app, serving

ROOT = "/apis/subresources.kubevirt.io/v1"
PODS = "/api/v1/namespaces/kubevirt/pods"


def pod(name: str, role: str, ready: str = "True", ip: str = "127.0.0.1") -> dict[str, Any]:
    status = {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": {"name": name, "labels": {"kubevirt.io": role}}, "status": status}


class World:
    def __init__(self, fake: FakeKube, knowledge: Knowledge, session: aiohttp.ClientSession, url: str) -> None:
        self.fake, self.knowledge, self._session, self._url = fake, knowledge, session, url
        self.allowed = True

    async def ask(self, command: str) -> tuple[int, str]:
        async with self._session.get(f"{self._url}{ROOT}/{command}-cluster-profiler") as answer:
            return answer.status, await answer.text()

    async def dump(self) -> dict[str, Any]:
        async with self._session.get(f"{self._url}{ROOT}/dump-cluster-profiler") as answer:
            assert (answer.status, answer.content_type) == (200, "application/json")
            found: dict[str, Any] = (await answer.json())["componentResults"]
            return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with fake_kube() as (fake, kube), aiohttp.ClientSession() as session:
        knowledge, app = Knowledge(kube), web.Application()
        made = World(fake, knowledge, session, "")
        component = operations_app(Metrics(rows_of(Component.API)), may_profile=lambda: made.allowed)
        async with serving(component, 0, server_context(), "127.0.0.1") as port:
            Profiling(kube, session, knowledge, "kubevirt", port).add_to(app)
            async with serving(app, 0, None, "127.0.0.1") as front:
                made._url = f"http://127.0.0.1:{front}"
                yield made


async def test_it_is_switched_off(world: World) -> None:
    for command, words in (("start", "start profiler"), ("stop", "stop profiler"), ("dump", "dump profiler results")):
        why = f'Unable to {words}. "ClusterProfiler" feature gate must be enabled'
        assert await world.ask(command) == (403, why)


async def test_a_profile_is_taken(world: World) -> None:
    world.knowledge.config = ClusterConfig(cluster_profiler=True)
    assert await world.ask("start") == (500, "Internal error, no component pods found")
    for each in (
        pod("virt-api-1", "virt-api"),
        pod("virt-handler-1", "virt-handler", ready="False", ip="203.0.113.1"),
        pod("virt-operator-1", "virt-operator", ip="203.0.113.1"),
    ):
        world.fake.put(PODS, each)
    assert await world.dump() == {"virt-api-1": {"pprofData": {}}}
    assert await world.ask("start") == (200, "")
    assert await world.ask("stop") == (200, "")
    profile = base64.b64decode((await world.dump())["virt-api-1"]["pprofData"][PROFILE])
    functions = {name for _, _, name in marshal.loads(profile)}
    assert any("get" in name for name in functions) and len(functions) > 10


async def test_a_component_that_refuses(world: World) -> None:
    world.knowledge.config, world.allowed = ClusterConfig(cluster_profiler=True), False
    world.fake.put(PODS, pod("virt-api-1", "virt-api"))
    code, words = await world.ask("start")
    assert code == 500
    assert words.startswith("Internal error encountered: Encountered [403] status code while contacting url [https://")
