"""A virt-api to test as a whole, over TLS, against a fake API server and a fake handler."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import trustme
from aiohttp import web

from tests.fakes.kube import FakeKube, fake_kube
from tests.unit.virt_api import rfb_server
from virt_api.main import flags_parser, serve
from virt_model.monitoring.row import Component
from virt_model.monitoring.table import rows_of
from virt_runtime.metrics import Metrics
from virt_runtime.serve import serving

CONFIGMAPS = "/api/v1/namespaces/kube-system/configmaps"
VMS = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachines"
VMIS = "/apis/kubevirt.io/v1/namespaces/ns/virtualmachineinstances"
KUBEVIRTS = "/apis/kubevirt.io/v1/namespaces/kubevirt/kubevirts"
PODS = "/api/v1/namespaces/kubevirt/pods"
SUBRESOURCES = "/apis/subresources.kubevirt.io/v1"
CHUNK = 1 << 17
FLOODED: list[int] = []
ACTED: list[str] = []
ALICE = {"X-Remote-User": "alice", "X-Remote-Group": "wheel", "X-Remote-Extra-Scopes": "all"}
ONE = f"{SUBRESOURCES}/namespaces/ns/virtualmachines/x"
CONSOLE = f"{SUBRESOURCES}/namespaces/ns/virtualmachineinstances/x/console"


@dataclass
class Bench:
    """A running virt-api: `front` calls it as the front proxy, `stranger` without a certificate."""

    fake: FakeKube
    url: str
    front: aiohttp.ClientSession
    stranger: aiohttp.ClientSession
    impostor: aiohttp.ClientSession
    reviews: list[dict[str, Any]] = field(default_factory=list)
    allowed: bool = True

    async def put(self, verb: str, **body: Any) -> tuple[int, Any]:
        async with self.front.put(f"{self.url}{ONE}/{verb}", json=body, headers=ALICE) as answer:
            text = await answer.text()
            return answer.status, (await answer.json())["message"] if text.startswith("{") else text

    def stored(self, path: str) -> dict[str, Any]:
        collection, _, name = path.rpartition("/")
        namespace = path.split("/namespaces/")[1].split("/")[0]
        return self.fake.objects[(collection.replace(f"/namespaces/{namespace}", "").strip("/"), namespace, name)]


@contextlib.asynccontextmanager
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    proxy_ca, cluster_ca, other_ca = trustme.CA(), trustme.CA(), trustme.CA()
    flags = _flags(tmp_path, cluster_ca)
    async with fake_kube() as (fake, kube), contextlib.AsyncExitStack() as stack:
        _publish_front_proxy(fake, proxy_ca)
        _, flags.console_server_port = await stack.enter_async_context(_handler(cluster_ca))
        _install_node(fake)
        made = Bench(fake, "", *(await _sessions(stack, cluster_ca, proxy_ca, other_ca)))
        _judge(made, fake)
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        running = asyncio.ensure_future(serve(kube, Metrics(rows_of(Component.API)), flags, port.set_result))
        try:
            made.url = f"https://localhost:{await asyncio.wait_for(port, 60)}"
            yield made
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _flags(tmp_path: Path, ca: trustme.CA) -> Any:
    for name, certificate in (
        ("serving", ca.issue_cert("localhost")),
        ("client", ca.issue_cert(common_name="kubevirt.io:system:client:virt-handler")),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tls.crt").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
        (tmp_path / name / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    ca.cert_pem.write_to_path(tmp_path / "ca-bundle")
    places = {"certificates": "serving", "handler-certificates": "client", "ca-file": "ca-bundle"}
    words = (f"--{flag}={tmp_path / name}" for flag, name in places.items())
    return flags_parser().parse_args(["--port=0", "--host=127.0.0.1", "--linger-seconds=0", *words])


def _publish_front_proxy(fake: FakeKube, ca: trustme.CA) -> None:
    data = {
        "requestheader-client-ca-file": ca.cert_pem.bytes().decode(),
        "requestheader-allowed-names": '["front-proxy-client"]',
    }
    fake.put(CONFIGMAPS, {"metadata": {"name": "extension-apiserver-authentication"}, "data": data})


async def _sessions(
    stack: contextlib.AsyncExitStack, cluster_ca: trustme.CA, proxy_ca: trustme.CA, other_ca: trustme.CA
) -> list[aiohttp.ClientSession]:
    certificates = (
        proxy_ca.issue_cert(common_name="front-proxy-client"),
        None,
        proxy_ca.issue_cert(common_name="somebody-else"),
    )
    made = []
    for certificate in certificates:
        context = ssl.create_default_context(cadata=cluster_ca.cert_pem.bytes().decode())
        if certificate is not None:
            certificate.configure_cert(context)
        connector = aiohttp.TCPConnector(ssl=context)
        made.append(await stack.enter_async_context(aiohttp.ClientSession(connector=connector)))
    return made


def _judge(made: Bench, fake: FakeKube) -> None:
    """Answer SubjectAccessReviews as `made.allowed` says."""
    ordinary = fake._create

    def create(target: Any, body: Any) -> Any:
        if target.plural != "subjectaccessreviews":
            return ordinary(target, body)
        made.reviews.append(body)
        return {**body, "status": {"allowed": made.allowed, "reason": "" if made.allowed else "RBAC says no"}}

    fake._create = create  # type: ignore[method-assign]


def _install_node(fake: FakeKube) -> None:
    ready = {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    pod = {"metadata": {"name": "h", "labels": {"kubevirt.io": "virt-handler"}}, "spec": {"nodeName": "node01"}}
    fake.put(PODS, {**pod, "status": ready})


@contextlib.asynccontextmanager
async def _handler(ca: trustme.CA) -> AsyncIterator[tuple[None, int]]:
    """A handler of node01: guest `x` repeats what it is told, `busy` has no console free, `flood` talks without end."""

    async def console(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"] == "busy":
            return web.Response(status=503, text="taken")
        if request.query.get("preserveSession") == "true" and request.match_info["name"] != "screen":
            said = {"X-Podvirt-Refusal": "Active VNC connection. Request denied."}
            return web.Response(status=503, headers=said)
        socket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
        await socket.prepare(request)
        if request.match_info["name"] == "screen":
            for start in range(0, len(rfb_server.EVERYTHING), 7):
                await socket.send_bytes(rfb_server.EVERYTHING[start : start + 7])
        while request.match_info["name"] == "flood" and _open(request):
            await socket.send_bytes(bytes(CHUNK))
            FLOODED.append(CHUNK)
            await asyncio.sleep(0)  # a send that need not wait gives nobody else a turn
        async for message in socket:
            if message.data == b"bye":
                break
            await socket.send_bytes(message.data)
        return socket

    async def act(request: web.Request) -> web.Response:
        ACTED.append(request.path_qs)
        if request.match_info["name"] == "deaf":
            return web.Response(status=400, text='server error. command Pause failed: "no"\n')
        return web.Response()

    async def answer(request: web.Request) -> web.Response:
        if request.match_info["name"] == "deaf":
            return web.Response(status=400, text="the guest agent cannot be asked: silence\n")
        return web.json_response({"asked": request.match_info["question"]})

    app = web.Application()
    one = "/v1/namespaces/{ns}/virtualmachineinstances/{name}"
    app.router.add_get(one + "/{stream:console|vnc}", console)
    app.router.add_get(one + "/{question:guestosinfo|userlist|filesystemlist}", answer)
    app.router.add_put("/v1/namespaces/{ns}/virtualmachineinstances/{name}/{action}", act)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    ca.issue_cert("node01.virt-handler.kubevirt.svc").configure_cert(context)
    async with serving(app, 0, context, "127.0.0.1") as port:
        yield None, port


def _open(request: web.Request) -> bool:
    """Who only sends is not told that nobody is there any more."""
    return request.transport is not None and not request.transport.is_closing()


def vm(strategy: str = "Halted") -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": {"runStrategy": strategy}}


def vmi(name: str = "x", phase: str = "Running", node: str = "node01", *conditions: str) -> dict[str, Any]:
    listed = [{"type": each, "status": "True"} for each in conditions]
    status = {"phase": phase, "nodeName": node, **({"conditions": listed} if listed else {})}
    return {"metadata": {"name": name, "uid": "u1"}, "spec": {}, "status": status}
