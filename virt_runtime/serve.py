"""A component's own HTTP server: /metrics, /healthz, /leader, the profiler, and whatever routes the component adds."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable

import msgspec
from aiohttp import web

from .metrics import CONTENT_TYPE, Metrics
from .profiler import Profiler

JSON = "application/json"


def operations_app(
    metrics: Metrics,
    healthy: Callable[[], str | None] = lambda: None,
    is_leader: Callable[[], bool] | None = None,
    client_max_size: int = 8 * 1024 * 1024,
    may_profile: Callable[[], bool] | None = None,
) -> web.Application:
    """`healthy` gives None, or what is wrong (answered as 500).

    `/leader` exists only with `is_leader`, the profiler only with `may_profile`, which says whether it may be used now.
    """
    app = web.Application(client_max_size=client_max_size)

    async def show_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=await metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    async def show_health(_request: web.Request) -> web.Response:
        wrong = healthy()
        return web.Response(status=500 if wrong else 200, text=wrong or "ok")

    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", show_health)
    if is_leader is not None:

        async def show_leader(_request: web.Request) -> web.Response:
            return web.json_response({"apiserver": {"leader": str(is_leader()).lower()}})

        app.router.add_get("/leader", show_leader)
    if may_profile is not None:
        _add_profiler(app, may_profile)
    return app


def _add_profiler(app: web.Application, allowed: Callable[[], bool]) -> None:
    """/start-profiler, /stop-profiler, /dump-profiler."""
    profiler = Profiler()

    async def act(request: web.Request) -> web.Response:
        if not allowed():
            return web.Response(status=403, text="the cluster's profiler is switched off")
        match request.match_info["command"]:
            case "start":
                profiler.start()
            case "stop":
                profiler.stop()
            case _:
                return web.Response(body=msgspec.json.encode({"pprofData": profiler.dump()}), content_type=JSON)
        return web.Response()

    app.router.add_get("/{command:start|stop|dump}-profiler", act)


@contextlib.asynccontextmanager
async def serving(
    app: web.Application, port: int, tls: ssl.SSLContext | None, host: str | None = None
) -> AsyncIterator[int]:
    """Listen on `port` (0: any) of every address, or of `host`, while the block runs; yields the real port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
