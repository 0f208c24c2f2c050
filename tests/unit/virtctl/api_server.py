"""The aggregated API as virtctl meets it: what was asked is written down, what is answered is set beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from virt_runtime.serve import serving

REPOSITORY = Path(__file__).resolve().parents[3]
GROUP = "/apis/subresources.kubevirt.io"


@dataclass
class ApiServer:
    kubeconfig: str
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refusal: tuple[int, str] | None = None
    too_early: int = 0  # console calls that are still to be answered with 400
    console_status: int = 101

    async def change(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path, json.loads(await request.text())))
        self.headers.append(dict(request.headers))
        if self.refusal is None:
            return web.Response(status=202)
        code, message = self.refusal
        return web.json_response({"kind": "Status", "message": message, "code": code}, status=code)

    async def vm(self, request: web.Request) -> web.Response:
        """`a` is halted, `b` runs, others are not there."""
        strategy = {"a": "Halted", "b": "Always"}.get(request.match_info["name"])
        if strategy is None:
            return web.json_response({"kind": "Status", "message": "no such VM", "code": 404}, status=404)
        return web.json_response({"spec": {"runStrategy": strategy}})

    async def group(self, _request: web.Request) -> web.Response:
        return web.json_response({"preferredVersion": {"groupVersion": "subresources.kubevirt.io/v1"}})

    async def version(self, _request: web.Request) -> web.Response:
        return web.json_response({"gitVersion": "v9.9.9", "platform": "linux/amd64"})

    async def console(self, request: web.Request) -> web.StreamResponse:
        """Greets, then repeats what it is told; `bye` closes, `crash` drops the connection."""
        self.headers.append(dict(request.headers))
        if self.too_early or self.console_status != 101:
            self.too_early = max(0, self.too_early - 1)
            return web.Response(status=400 if self.console_status == 101 else self.console_status)
        socket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
        await socket.prepare(request)
        await socket.send_bytes(b"welcome\r\n")
        await self._repeat(request, socket)
        return socket

    async def tunnel(self, request: web.Request) -> web.StreamResponse:
        """Repeats what it is told, as `console` does; the VMI `deaf` has no such port."""
        self.calls.append((request.method, request.path, None))
        if request.match_info["name"] == "deaf":
            return web.Response(status=500)
        socket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
        await socket.prepare(request)
        await self._repeat(request, socket)
        return socket

    async def ask(self, request: web.Request) -> web.Response:
        """What the guest agent of `a` says; that of `deaf` says nothing."""
        self.calls.append((request.method, request.path, None))
        if request.match_info["name"] == "deaf":
            return web.Response(status=500, text='no "agent"')
        return web.json_response({"metadata": {}, "items": []})

    async def graph(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path, json.loads(await request.text())))
        if request.match_info["name"] == "deaf":
            return web.json_response({"kind": "Status", "message": "no gate", "code": 400}, status=400)
        return web.json_response({"objectReference": {"name": "a"}})

    async def screenshot(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path_qs, None))
        if request.match_info["name"] == "deaf":
            return web.json_response({"kind": "Status", "message": "VMI is not running", "code": 400}, status=400)
        return web.Response(body=b"\x89PNG\xff", content_type="image/png")

    async def _repeat(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if b"bye" in message.data:
                break
            if b"crash" in message.data:
                assert request.transport is not None
                request.transport.abort()
                break
            await socket.send_bytes(b"<" + message.data + b">")


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """One on a thread of its own, and a kubeconfig for it."""
    made = ApiServer(str(folder / "kubeconfig"))
    loop = asyncio.new_event_loop()
    started: threading.Event = threading.Event()
    over = asyncio.Event()

    async def serve() -> None:
        app = web.Application()
        app.router.add_get(GROUP, made.group)
        app.router.add_get(f"{GROUP}/v1/version", made.version)
        app.router.add_get(f"{GROUP}/v1/namespaces/{{ns}}/virtualmachineinstances/{{name}}/console", made.console)
        for kind in ("virtualmachines", "virtualmachineinstances"):
            one = f"{GROUP}/v1/namespaces/{{ns}}/{kind}/{{name}}"
            app.router.add_put(f"{one}/{{verb}}", made.change)
            app.router.add_get(f"{one}/portforward/{{port}}/{{protocol}}", made.tunnel)
            app.router.add_get(f"{one}/vnc", made.tunnel)
            app.router.add_get(f"{one}/usbredir", made.tunnel)
            app.router.add_get(f"{one}/vnc/screenshot", made.screenshot)
            app.router.add_get(f"{one}/objectgraph", made.graph)
            app.router.add_get(f"{one}/{{question:guestosinfo|userlist|filesystemlist}}", made.ask)
        app.router.add_get("/apis/kubevirt.io/v1/namespaces/{ns}/virtualmachines/{name}", made.vm)
        async with serving(app, 0, None, "127.0.0.1") as port:
            _write_kubeconfig(Path(made.kubeconfig), port)
            started.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


def _write_kubeconfig(path: Path, port: int) -> None:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "sesame"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "ns"}}],
        "current-context": "x",
    }
    path.write_text(yaml.safe_dump(config))


def command(server: ApiServer, *words: str) -> list[str]:
    return [sys.executable, "-m", "virtctl", "--kubeconfig", server.kubeconfig, *words]


def virtctl(server: ApiServer, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command line to its end, as a user would."""
    return subprocess.run(
        command(server, *words), cwd=REPOSITORY, input=stdin, capture_output=True, text=True, timeout=120
    )
