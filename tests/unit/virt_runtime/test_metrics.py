"""Metrics as Prometheus reads them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.kube import fake_kube
from virt_model.monitoring.component_rows import REST_CLIENT, WORKQUEUE
from virt_model.monitoring.row import Kind, Row, Sample
from virt_runtime.access import Access
from virt_runtime.client_metrics import ClientObserver, shape
from virt_runtime.kube import KubeClient, NotFound
from virt_runtime.metrics import Metrics
from virt_runtime.queue import WorkQueue
from virt_runtime.queue_metrics import QueueMeter
from virt_runtime.resources import NODES, PODS
from virt_runtime.transport import Attempt

TABLE = (
    Row(name="x_total", kind=Kind.COUNTER, doc="Things\\\nof all kinds.", labels=("kind", "where")),
    Row(name="since_seconds", kind=Kind.COUNTER, doc="A counter whose name does not end in _total."),
    Row(name="y", kind=Kind.GAUGE, doc="Level."),
    Row(name="z", kind=Kind.GAUGE, doc="Asked for.", labels=("id",)),
    Row(name="took_seconds", kind=Kind.HISTOGRAM, doc="Time.", labels=("verb",), buckets=(0.5, 2.0)),
)


async def text(metrics: Metrics) -> list[str]:
    return (await metrics.exposition()).decode().splitlines()


async def test_the_text_of_each_kind() -> None:
    metrics = Metrics(TABLE)
    metrics.counter("x_total").labels('a"b\\\n', "").inc(2)
    metrics.gauge("y").labels().set(1.5)
    for seconds in (0.5, 0.6, 7):
        metrics.histogram("took_seconds").labels("GET").observe(seconds)
    assert await text(metrics) == [
        "# HELP x_total Things\\\\\\nof all kinds.",
        "# TYPE x_total counter",
        'x_total{kind="a\\"b\\\\\\n"} 2',
        "# HELP y Level.",
        "# TYPE y gauge",
        "y 1.5",
        "# HELP took_seconds Time.",
        "# TYPE took_seconds histogram",
        'took_seconds_bucket{verb="GET",le="0.5"} 1',
        'took_seconds_bucket{verb="GET",le="2"} 2',
        'took_seconds_bucket{verb="GET",le="+Inf"} 3',
        'took_seconds_sum{verb="GET"} 8.1',
        'took_seconds_count{verb="GET"} 3',
    ]


async def test_sources_are_asked_at_each_scrape() -> None:
    metrics, level = Metrics(TABLE), [1.0]

    async def source() -> list[Sample]:
        return [Sample("z", ("a",), level[0], (("label_app", "web"),)), Sample("since_seconds", (), 1e9 + level[0])]

    metrics.collect_with(source)
    assert 'z{id="a",label_app="web"} 1' in await text(metrics)
    level[0] = 2.0
    assert await text(metrics) == [
        "# HELP since_seconds A counter whose name does not end in _total.",
        "# TYPE since_seconds counter",
        "since_seconds 1000000002",
        "# HELP z Asked for.",
        "# TYPE z gauge",
        'z{id="a",label_app="web"} 2',
    ]


async def test_what_is_forgotten_is_not_shown() -> None:
    metrics = Metrics(TABLE)
    metrics.gauge("z").labels("a").set(1)
    metrics.gauge("z").forget("a")
    assert await text(metrics) == []


def test_only_the_table_counts() -> None:
    metrics = Metrics(TABLE)
    with pytest.raises(KeyError):
        metrics.counter("undeclared_total")
    with pytest.raises(TypeError, match="y is a gauge, not a counter"):
        metrics.counter("y")
    with pytest.raises(ValueError, match="has the labels"):
        metrics.gauge("z").labels()


async def test_client_requests_are_counted() -> None:
    metrics = Metrics(REST_CLIENT)
    async with fake_kube() as (_, kube):
        access = Access(server=kube.server, tls=None)
        async with KubeClient.over(access, observe=ClientObserver(metrics)) as client:
            with pytest.raises(NotFound):
                await client.get(NODES, None, "none")
            await client.list(PODS, "ns")
    host = kube.server.removeprefix("http://")
    shown = await text(metrics)
    name = "kubevirt_rest_client_requests_total"
    assert f'{name}{{code="404",method="GET",host="{host}",resource="nodes",verb="GET"}} 1' in shown
    assert f'{name}{{code="200",method="GET",host="{host}",resource="pods",verb="LIST"}} 1' in shown
    latency = "kubevirt_rest_client_request_latency_seconds_count"
    assert f'{latency}{{verb="LIST",url="/api/v1/namespaces/{{namespace}}/pods"}} 1' in shown
    turn = "kubevirt_rest_client_rate_limiter_duration_seconds_bucket"
    assert f'{turn}{{verb="LIST",url="/api/v1/namespaces/{{namespace}}/pods",le="0.005"}} 1' in shown


async def test_who_waits_for_a_turn_is_seen_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virt_runtime.transport.AT_ONCE", 1)
    attempts: list[Attempt] = []
    came, may_end = asyncio.Event(), asyncio.Event()

    async def answer(_request: web.Request) -> web.Response:
        came.set()
        await may_end.wait()
        return web.json_response({"kind": "PodList", "metadata": {}, "items": []})

    app = web.Application()
    app.router.add_get("/api/v1/namespaces/{ns}/pods", answer)
    async with TestServer(app) as server:
        access = Access(server=str(server.make_url("")).rstrip("/"), tls=None)
        async with KubeClient.over(access, observe=attempts.append) as client:
            first = asyncio.create_task(client.list(PODS, "first"))
            second = asyncio.create_task(client.list(PODS, "second"))
            await came.wait()
            may_end.set()
            await asyncio.gather(first, second)
    one, other = attempts
    assert one.path.endswith("first/pods") and one.queued == 0.0
    assert 0.0 < other.queued < other.seconds


@pytest.mark.parametrize(
    ("path", "shaped"),
    [
        ("/api/v1/nodes/n1", ("nodes", True, "/api/v1/nodes/{name}")),
        ("/api/v1/namespaces/ns", ("namespaces", True, "/api/v1/namespaces/{name}")),
        ("/apis/g/v1/things", ("things", False, "/apis/g/v1/things")),
        (
            "/apis/g/v1/namespaces/ns/things/t/status",
            ("things/status", True, "/apis/g/v1/namespaces/{namespace}/things/{name}/status"),
        ),
        ("/version", ("none", False, "/version")),
        ("/apis/g/v1", ("none", False, "/apis/g/v1")),
    ],
)
def test_names_are_left_out_of_urls(path: str, shaped: tuple[str, bool, str]) -> None:
    assert shape(path) == shaped


async def test_a_queue_is_measured() -> None:
    metrics, clock = Metrics(WORKQUEUE), [0.0]
    queue = WorkQueue(meter=QueueMeter(metrics, "q", lambda: clock[0]))
    for key in ("a", "a", "b"):
        queue.add(key)
    clock[0] = 2.0
    assert await queue.get() == "a"
    clock[0] = 5.0
    shown = await text(metrics)
    assert 'kubevirt_workqueue_adds_total{name="q"} 2' in shown
    assert 'kubevirt_workqueue_depth{name="q"} 1' in shown
    assert 'kubevirt_workqueue_queue_duration_seconds_sum{name="q"} 2' in shown
    assert 'kubevirt_workqueue_longest_running_processor_seconds{name="q"} 3' in shown
    queue.retry("a")
    queue.done("a")
    shown = await text(metrics)
    assert 'kubevirt_workqueue_retries_total{name="q"} 1' in shown
    assert 'kubevirt_workqueue_work_duration_seconds_sum{name="q"} 3' in shown
    assert 'kubevirt_workqueue_unfinished_work_seconds{name="q"} 0' in shown
