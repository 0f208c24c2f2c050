"""virt-api as a whole, over TLS, against a fake API server and a fake handler."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web
from yarl import URL

from tests.fakes.kube import FakeKube, fake_kube
from tests.unit.virt_api import rfb_server
from virt_api.adapters import streams, tunnels
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
            made.url = f"https://localhost:{await asyncio.wait_for(port, 5)}"
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
        context = ssl.create_default_context()
        cluster_ca.configure_trust(context)
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
        ACTED.append(request.path)
        if request.match_info["name"] == "deaf":
            return web.Response(status=400, text='server error. command Pause failed: "no"\n')
        return web.Response()

    app = web.Application()
    app.router.add_get("/v1/namespaces/{ns}/virtualmachineinstances/{name}/{stream:console|vnc}", console)
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


def _vm(strategy: str = "Halted") -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "spec": {"runStrategy": strategy}}


def _vmi(name: str = "x", phase: str = "Running", node: str = "node01") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": "u1"}, "spec": {}, "status": {"phase": phase, "nodeName": node}}


async def test_start_writes_what_was_decided_and_asks_for_leave_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, _vm())
        assert await api.put("start") == (202, "")
        assert api.stored(f"{VMS}/x")["spec"] == {"runStrategy": "Always"}
        (review,) = api.reviews
        assert review["spec"] == {
            "user": "alice",
            "groups": ["wheel"],
            "extra": {"scopes": ["all"]},
            "resourceAttributes": {
                "namespace": "ns",
                "verb": "update",
                "group": "subresources.kubevirt.io",
                "version": "v1",
                "resource": "virtualmachines",
                "subresource": "start",
                "name": "x",
            },
        }


async def test_requests_go_through_the_status_and_refusals_are_status_objects(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        assert await api.put("restart") == (404, 'virtualmachine.kubevirt.io "x" not found')
        api.fake.put(VMS, {**_vm("Manual"), "status": {}})
        api.fake.put(VMIS, _vmi())
        assert await api.put("restart", gracePeriodSeconds=0) == (202, "")
        requests = api.stored(f"{VMS}/x")["status"]["stateChangeRequests"]
        assert requests == [{"action": "Stop", "uid": "u1"}, {"action": "Start"}]
        assert api.stored(f"{VMIS}/x")["spec"] == {"terminationGracePeriodSeconds": 1}
        code, message = await api.put("start")
        assert code == 409
        assert message == 'Operation cannot be fulfilled on virtualmachine.kubevirt.io "x": VM is already running'


async def test_who_is_not_vouched_for_gets_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, _vm())
        for session in (api.stranger, api.impostor):
            async with session.put(f"{api.url}{ONE}/start", headers=ALICE) as answer:
                assert answer.status == 401
        api.allowed = False
        assert await api.put("start") == (401, "RBAC says no")
        assert api.stored(f"{VMS}/x")["spec"] == {"runStrategy": "Halted"}


@pytest.mark.parametrize("name", ["..%2Fx", "x%2Fstatus", "x%3Fy", "X", "%2e%2e"])
async def test_a_name_that_is_a_path_leads_nowhere(tmp_path: Path, name: str) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, _vm())
        api.fake.requests.clear()
        url = URL(f"{api.url}{ONE.removesuffix('x')}{name}/start", encoded=True)
        async with api.front.put(url, headers=ALICE) as answer:
            assert answer.status == 404
        assert not [path for _, path in api.fake.requests if "/namespaces/ns/" in path]


async def test_the_newest_configuration_counts(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        review = {"request": {"uid": "7", "operation": "CREATE", "object": {"spec": {"domain": {"devices": {}}}}}}

        async def binding() -> str:
            async with api.stranger.post(f"{api.url}/virtualmachineinstances-mutate", json=review) as answer:
                patch = json.loads(base64.b64decode((await answer.json())["response"]["patch"]))
            spec = next(op["value"] for op in patch if op["path"] == "/spec")
            return str(spec["domain"]["devices"]["interfaces"])

        assert "bridge" in await binding()
        configuration = {"network": {"defaultNetworkInterface": "masquerade"}}
        api.fake.put(KUBEVIRTS, {"metadata": {"name": "kubevirt"}, "spec": {"configuration": configuration}})
        async with asyncio.timeout(5):
            while "masquerade" not in await binding():
                await asyncio.sleep(0.01)


async def test_whom_to_believe_may_change(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMS, _vm())
        assert await api.put("start", dryRun=["All"]) == (202, "")
        published = api.stored(f"{CONFIGMAPS}/extension-apiserver-authentication")
        narrowed = {**published["data"], "requestheader-allowed-names": '["another"]'}
        api.fake.put(CONFIGMAPS, {"metadata": {"name": "extension-apiserver-authentication"}, "data": narrowed})
        async with asyncio.timeout(5):
            while (await api.put("start", dryRun=["All"]))[0] != 401:
                await asyncio.sleep(0.01)


async def test_documents_are_for_everybody(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:

        async def read(path: str) -> Any:
            async with api.stranger.get(api.url + path) as answer:
                assert answer.status == 200, path
                return await answer.json()

        names = [entry["name"] for entry in (await read(SUBRESOURCES))["resources"]]
        assert names == [
            "virtualmachineinstances/vnc",
            "virtualmachineinstances/vnc/screenshot",
            "virtualmachineinstances/console",
            "virtualmachineinstances/portforward",
            "virtualmachineinstances/pause",
            "virtualmachineinstances/unpause",
            "virtualmachineinstances/reset",
            "virtualmachineinstances/softreboot",
            "virtualmachines/start",
            "virtualmachines/stop",
            "virtualmachines/restart",
        ]
        assert (await read("/apis/subresources.kubevirt.io"))["preferredVersion"]["version"] == "v1"
        assert (await read(f"{SUBRESOURCES}alpha3/version"))["gitVersion"].startswith("v")
        for path in (
            "/",
            "/apis",
            "/openapi/v2",
            "/openapi/v3",
            f"/openapi/v3{SUBRESOURCES}",
            f"{SUBRESOURCES}/guestfs",
        ):
            assert await read(path)
        async with api.stranger.get(f"{api.url}{SUBRESOURCES}/namespaces/ns/virtualmachines/x/dance") as answer:
            assert (answer.status, (await answer.json())["reason"]) == (404, "NotFound")


async def test_bytes_pass_both_ways_and_the_end_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, _vmi())
        async with api.front.ws_connect(api.url + CONSOLE, protocols=("plain.kubevirt.io",), headers=ALICE) as console:
            assert console.protocol == "plain.kubevirt.io"
            for message in (b"login:", bytes(range(256)) * 64):
                await console.send_bytes(message)
                assert await console.receive_bytes(timeout=5) == message
            await console.send_bytes(b"bye")
            assert (await console.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(
    ("vmi", "code", "message"),
    [
        (None, 404, 'virtualmachineinstance.kubevirt.io "x" not found'),
        (_vmi(phase="Scheduling"), 400, "VMI is not running"),
        (_vmi(phase="Failed"), 409, "VMI is in failed status"),
        (_vmi(node="node02", phase="Scheduled"), 400, "VMI is not running"),
        (_vmi(node="node02"), 500, "Internal error occurred: no virt-handler is ready on node node02"),
    ],
)
async def test_why_there_is_no_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vmi: Any, code: int, message: str
) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 0.0)
    async with bench(tmp_path) as api:
        if vmi:
            api.fake.put(VMIS, vmi)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers = {**ALICE, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        async with api.front.get(api.url + CONSOLE, headers=headers) as answer:
            assert answer.status == code
            assert (await answer.json())["message"].endswith(message)


async def test_a_handler_that_restarts_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RETRY_SECONDS", 0.01)
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, _vmi())
        ready = api.stored(f"{PODS}/h")
        api.fake.put(PODS, {**ready, "status": {"podIP": "127.0.0.1", "conditions": []}})
        opening = asyncio.ensure_future(api.front.ws_connect(api.url + CONSOLE, headers=ALICE))
        async with asyncio.timeout(5):
            while ("GET", PODS) not in api.fake.requests:
                await asyncio.sleep(0.01)
        assert not opening.done()
        api.fake.put(PODS, ready)
        console = await asyncio.wait_for(opening, 5)
        await console.send_bytes(b"there?")
        assert await console.receive_bytes(timeout=5) == b"there?"
        await console.close()


async def test_a_caller_who_does_not_read_stops_the_guest_and_not_our_memory(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, _vmi("flood"))
        FLOODED.clear()
        async with api.front.ws_connect(api.url + CONSOLE.replace("/x/", "/flood/"), headers=ALICE) as console:
            await console.receive_bytes(timeout=5)
            async with asyncio.timeout(20):
                seen = 0
                while len(FLOODED) != seen:
                    seen = len(FLOODED)
                    await asyncio.sleep(0.3)
            assert sum(FLOODED) < 64 * 2**20, "held somewhere between the two"


async def test_a_handlers_refusal_reaches_the_caller(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, _vmi("busy"))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await api.front.ws_connect(api.url + CONSOLE.replace("/x/", "/busy/"), headers=ALICE)
        assert caught.value.status == 500


async def test_a_screen_may_be_asked_for_without_taking_it_over(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, _vmi())
        screen = api.url + CONSOLE.replace("/console", "/vnc")
        async with api.front.ws_connect(screen, protocols=("plain.kubevirt.io",), headers=ALICE) as client:
            await client.send_bytes(b"RFB")
            assert await client.receive_bytes(timeout=5) == b"RFB"
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers = {**ALICE, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        async with api.front.get(f"{screen}?preserveSession=true", headers=headers) as answer:
            assert answer.status == 500
            assert (await answer.json())["message"] == (
                "Internal error occurred: Can't connect to websocket (503): websocket: bad handshake:"
                " application info: Active VNC connection. Request denied."
            )
        blind = {**_vmi(), "spec": {"domain": {"devices": {"autoattachGraphicsDevice": False}}}}
        api.fake.put(VMIS, blind)
        async with api.front.get(screen, headers=headers) as answer:
            assert (answer.status, (await answer.json())["message"]) == (400, "No graphics devices are present.")


async def test_an_action_is_done_by_the_guests_node(tmp_path: Path) -> None:
    ACTED.clear()
    async with bench(tmp_path) as api:

        async def put(name: str, action: str, body: bytes = b"") -> tuple[int, str]:
            url = f"{api.url}{CONSOLE.replace('/x/console', f'/{name}/{action}')}"
            async with api.front.put(url, data=body, headers=ALICE) as answer:
                text = await answer.text()
                return answer.status, (await answer.json())["message"] if text.startswith("{") else text

        assert await put("x", "pause") == (404, 'virtualmachineinstance.kubevirt.io "x" not found')
        for name, node in (("x", "node01"), ("deaf", "node01"), ("lost", "node02")):
            api.fake.put(VMIS, _vmi(name, node=node))
        assert await put("x", "pause", b'{"dryRun":["All"]}') == (200, "")
        assert ACTED == []
        assert await put("x", "pause") == (200, "")
        assert await put("x", "softreboot", b"{}") == (200, "")
        root = "/v1/namespaces/ns/virtualmachineinstances/x"
        assert [f"{root}/pause", f"{root}/softreboot"] == ACTED
        assert api.reviews[-1]["spec"]["resourceAttributes"]["subresource"] == "softreboot"
        why = 'unexpected return code 400 (400 Bad Request), message: server error. command Pause failed: "no"'
        assert await put("deaf", "pause") == (500, f"Internal error occurred: {why}")
        assert await put("lost", "reset") == (
            500,
            "Internal error occurred: no virt-handler is ready on node node02",
        )
        code, message = await put("x", "unpause")
        assert (code, message.rpartition(": ")[2]) == (409, "VMI is not paused")
        code, message = await put("x", "pause", b"[")
        assert code == 400 and message.startswith("Can not unmarshal Request body to struct, error: ")
        api.allowed = False
        assert await put("x", "pause") == (401, "RBAC says no")


async def test_a_picture_of_a_screen(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        for name in ("x", "screen"):
            api.fake.put(VMIS, _vmi(name))

        async def shoot(name: str) -> tuple[int, str, bytes]:
            path = CONSOLE.replace("/x/console", f"/{name}/vnc/screenshot")
            async with api.front.get(f"{api.url}{path}?moveCursor=true", headers=ALICE) as answer:
                return answer.status, answer.content_type, await answer.read()

        code, kind, data = await shoot("screen")
        assert (code, kind) == (200, "image/png")
        assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[16:24] == bytes([0, 0, 0, 3, 0, 0, 0, 2])
        assert api.reviews[-1]["spec"]["resourceAttributes"]["subresource"] == "vnc/screenshot"
        code, kind, data = await shoot("x")
        assert (code, kind) == (500, "application/json")
        assert b"Active VNC connection. Request denied." in data, "it is not taken from who looks"


def _served(name: str = "x") -> dict[str, Any]:
    vmi = _vmi(name)
    return {**vmi, "status": {**vmi["status"], "interfaces": [{"name": "default", "ipAddress": "127.0.0.1"}]}}


async def test_a_port_of_a_guest_is_forwarded(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if data == b"bye":
                break
            writer.write(data)
        writer.close()

    async with bench(tmp_path) as api, await asyncio.start_server(echo, "127.0.0.1", 0) as guest:
        port = guest.sockets[0].getsockname()[1]
        api.fake.put(VMIS, _served())
        vmi = CONSOLE.replace("console", "portforward")
        for path in (f"{vmi}/{port}", f"{vmi}/{port}/tcp"):
            async with api.front.ws_connect(api.url + path, protocols=("plain.kubevirt.io",), headers=ALICE) as tunnel:
                assert tunnel.protocol == "plain.kubevirt.io"
                await tunnel.send_bytes(b"SSH-2.0")
                assert await tunnel.receive_bytes(timeout=5) == b"SSH-2.0"
                await tunnel.send_bytes(b"bye")
                assert (await tunnel.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
            asked = api.reviews[-1]["spec"]["resourceAttributes"]
            assert (asked["verb"], asked["subresource"]) == ("get", "portforward"), (
                "port and protocol are no part of it"
            )


async def test_a_vms_port_takes_datagrams(tmp_path: Path) -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.transport.sendto(data * 2, address)

    async with bench(tmp_path) as api:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, ("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        api.fake.put(VMIS, _served())
        api.fake.put(VMS, {**_vm("Always"), "status": {"created": True}})
        url = f"{api.url}{ONE}/portforward/{port}/udp"
        async with api.front.ws_connect(url, headers=ALICE) as tunnel:
            for message in (b"one", b"two"):
                await tunnel.send_bytes(message)
                assert await tunnel.receive_bytes(timeout=5) == message * 2
        transport.close()
        async with api.front.ws_connect(url, headers=ALICE) as tunnel:
            await tunnel.send_bytes(b"anybody?")
            end = await tunnel.receive(timeout=5)
            assert end.type is aiohttp.WSMsgType.CLOSE, "nobody listens on the port"


async def test_why_a_port_is_not_forwarded(tmp_path: Path) -> None:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        async with bench(tmp_path) as api:
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            headers = {**ALICE, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}

            async def refused(path: str) -> tuple[int, str]:
                async with api.front.get(api.url + path, headers=headers) as answer:
                    return answer.status, (await answer.json())["message"]

            assert await refused(f"{ONE}/portforward/{port}") == (
                404,
                'virtualmachine.kubevirt.io "x" not found',
            )
            api.fake.put(VMS, _vm())
            code, message = await refused(f"{ONE}/portforward/{port}")
            assert (code, message.rpartition(": ")[2]) == (409, "VMI is not started")
            api.fake.put(VMIS, _served())
            assert await refused(f"{CONSOLE.replace('console', 'portforward')}/{port}") == (
                500,
                f"Internal error occurred: dialing VM: dial tcp 127.0.0.1:{port}: connect: connection refused",
            )


async def test_a_caller_who_does_not_take_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "SLOW_SECONDS", 0.5)
    gone = asyncio.Event()

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(bytes(CHUNK))
                await writer.drain()
        gone.set()

    async with bench(tmp_path) as api, await asyncio.start_server(flood, "127.0.0.1", 0) as guest:
        api.fake.put(VMIS, _served())
        path = f"{CONSOLE.replace('console', 'portforward')}/{guest.sockets[0].getsockname()[1]}"
        async with api.front.ws_connect(api.url + path, headers=ALICE):
            await asyncio.wait_for(gone.wait(), 20)


async def test_an_admission_review_is_answered_and_rubbish_refused(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        url = f"{api.url}/virtualmachines-validate"
        vm = {"spec": {"template": {"spec": {}}}}
        review = {"request": {"uid": "7", "operation": "CREATE", "object": vm}}
        async with api.stranger.post(url, json=review) as answer:
            response = (await answer.json())["response"]
            assert (response["uid"], response["allowed"], response["status"]["code"]) == ("7", False, 422)
        for rubbish in (b"", b"[]", b"{}", b"[" * 100000):
            async with api.stranger.post(url, data=rubbish) as answer:
                assert answer.status == 400
