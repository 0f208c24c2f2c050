"""Streams through virt-api: consoles, screens, ports; and what is done by the handler of a node."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.unit.virt_api.bench import (
    ALICE,
    CHUNK,
    CONSOLE,
    FLOODED,
    ONE,
    PODS,
    VMIS,
    VMS,
    bench,
    vm,
    vmi,
)
from virt_api.adapters import streams, tunnels


async def test_bytes_pass_both_ways_and_the_end_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi())
        async with api.front.ws_connect(api.url + CONSOLE, protocols=("plain.kubevirt.io",), headers=ALICE) as console:
            assert console.protocol == "plain.kubevirt.io"
            for message in (b"login:", bytes(range(256)) * 64):
                await console.send_bytes(message)
                assert await console.receive_bytes(timeout=60) == message
            await console.send_bytes(b"bye")
            assert (await console.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(
    ("vmi", "code", "message"),
    [
        (None, 404, 'virtualmachineinstance.kubevirt.io "x" not found'),
        (vmi(phase="Scheduling"), 400, "VMI is not running"),
        (vmi(phase="Failed"), 409, "VMI is in failed status"),
        (vmi(node="node02", phase="Scheduled"), 400, "VMI is not running"),
        (vmi(node="node02"), 500, "Internal error occurred: no virt-handler is ready on node node02"),
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
        api.fake.put(VMIS, vmi())
        ready = api.stored(f"{PODS}/h")
        api.fake.put(PODS, {**ready, "status": {"podIP": "127.0.0.1", "conditions": []}})
        opening = asyncio.ensure_future(api.front.ws_connect(api.url + CONSOLE, headers=ALICE))
        async with asyncio.timeout(5):
            while ("GET", PODS) not in api.fake.requests:
                await asyncio.sleep(0.01)
        assert not opening.done()
        api.fake.put(PODS, ready)
        console = await asyncio.wait_for(opening, 60)
        await console.send_bytes(b"there?")
        assert await console.receive_bytes(timeout=60) == b"there?"
        await console.close()


async def test_a_caller_who_does_not_read_stops_the_guest_and_not_our_memory(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi("flood"))
        FLOODED.clear()
        async with api.front.ws_connect(api.url + CONSOLE.replace("/x/", "/flood/"), headers=ALICE) as console:
            await console.receive_bytes(timeout=60)
            async with asyncio.timeout(20):
                seen = 0
                while len(FLOODED) != seen:
                    seen = len(FLOODED)
                    await asyncio.sleep(0.3)
            assert sum(FLOODED) < 64 * 2**20, "held somewhere between the two"


async def test_a_handlers_refusal_reaches_the_caller(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi("busy"))
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await api.front.ws_connect(api.url + CONSOLE.replace("/x/", "/busy/"), headers=ALICE)
        assert caught.value.status == 500


async def test_a_screen_may_be_asked_for_without_taking_it_over(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi())
        screen = api.url + CONSOLE.replace("/console", "/vnc")
        async with api.front.ws_connect(screen, protocols=("plain.kubevirt.io",), headers=ALICE) as client:
            await client.send_bytes(b"RFB")
            assert await client.receive_bytes(timeout=60) == b"RFB"
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers = {**ALICE, **upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        async with api.front.get(f"{screen}?preserveSession=true", headers=headers) as answer:
            assert answer.status == 500
            assert (await answer.json())["message"] == (
                "Internal error occurred: Can't connect to websocket (503): websocket: bad handshake:"
                " application info: Active VNC connection. Request denied."
            )
        blind = {**vmi(), "spec": {"domain": {"devices": {"autoattachGraphicsDevice": False}}}}
        api.fake.put(VMIS, blind)
        async with api.front.get(screen, headers=headers) as answer:
            assert (answer.status, (await answer.json())["message"]) == (400, "No graphics devices are present.")


async def test_a_picture_of_a_screen(tmp_path: Path) -> None:
    async with bench(tmp_path) as api:
        for name in ("x", "screen"):
            api.fake.put(VMIS, vmi(name))

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
    made = vmi(name)
    return {**made, "status": {**made["status"], "interfaces": [{"name": "default", "ipAddress": "127.0.0.1"}]}}


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
        forward = CONSOLE.replace("console", "portforward")
        for path in (f"{forward}/{port}", f"{forward}/{port}/tcp"):
            async with api.front.ws_connect(api.url + path, protocols=("plain.kubevirt.io",), headers=ALICE) as tunnel:
                assert tunnel.protocol == "plain.kubevirt.io"
                await tunnel.send_bytes(b"SSH-2.0")
                assert await tunnel.receive_bytes(timeout=60) == b"SSH-2.0"
                await tunnel.send_bytes(b"bye")
                assert (await tunnel.receive(timeout=60)).type is aiohttp.WSMsgType.CLOSE
            asked = api.reviews[-1]["spec"]["resourceAttributes"]
            assert (asked["verb"], asked["subresource"]) == ("get", "portforward"), (
                "port and protocol are no part of it"
            )


async def test_small_packets_of_a_guest_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "GATHER_SECONDS", 1.0)
    pieces = [b"%d " % number for number in range(50)]
    first_seen = asyncio.Event()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"first")
        await first_seen.wait()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0)

    async with bench(tmp_path) as api, await asyncio.start_server(talk, "127.0.0.1", 0) as guest:
        api.fake.put(VMIS, _served())
        path = f"{CONSOLE.replace('console', 'portforward')}/{guest.sockets[0].getsockname()[1]}"
        async with api.front.ws_connect(api.url + path, headers=ALICE) as tunnel:
            assert await tunnel.receive_bytes(timeout=60) == b"first"
            first_seen.set()
            assert await tunnel.receive_bytes(timeout=60) == b"".join(pieces)


async def test_plenty_from_a_guest_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "GATHER_SECONDS", 3600.0)
    guest, ours = socket.socketpair()
    for end in (guest, ours):
        end.setblocking(False)
    with guest, contextlib.closing(tunnels.TcpTunnel(ours)) as tunnel:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 2 * tunnels.PLENTY:
                sent += guest.send(bytes(1 << 12))
        monkeypatch.setattr(tunnels, "CHUNK", sent // 2)
        monkeypatch.setattr(tunnels, "PLENTY", sent // 2)
        for _ in range(2):
            async with asyncio.timeout(60):
                assert len(await tunnel.read() or b"") == sent // 2


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
        api.fake.put(VMS, {**vm("Always"), "status": {"created": True}})
        url = f"{api.url}{ONE}/portforward/{port}/udp"
        async with api.front.ws_connect(url, headers=ALICE) as tunnel:
            for message in (b"one", b"two"):
                await tunnel.send_bytes(message)
                assert await tunnel.receive_bytes(timeout=60) == message * 2
        transport.close()
        async with api.front.ws_connect(url, headers=ALICE) as tunnel:
            await tunnel.send_bytes(b"anybody?")
            end = await tunnel.receive(timeout=60)
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
            api.fake.put(VMS, vm())
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
            await asyncio.wait_for(gone.wait(), 60)


async def test_whose_guest_takes_nothing_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnels, "STUCK_SECONDS", 0.5)
    gone = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await left.wait()
        await reader.read(-1)
        gone.set()

    left = asyncio.Event()
    async with bench(tmp_path) as api, await asyncio.start_server(deaf, "127.0.0.1", 0) as guest:
        api.fake.put(VMIS, _served())
        path = f"{CONSOLE.replace('console', 'portforward')}/{guest.sockets[0].getsockname()[1]}"
        async with api.front.ws_connect(api.url + path, headers=ALICE) as tunnel:

            async def talk() -> None:
                while True:  # each in a task: a connection that is lost is only known when others have their turn
                    await asyncio.wait_for(tunnel.send_bytes(bytes(CHUNK)), 60)

            try:
                with pytest.raises((ConnectionError, aiohttp.ClientError)):
                    await asyncio.wait_for(talk(), 60)
            finally:
                left.set()
        await asyncio.wait_for(gone.wait(), 60)


async def test_two_hundred_streams_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PATIENCE", 60.0)
    async with bench(tmp_path) as api:
        api.fake.put(VMIS, vmi())
        connector = aiohttp.TCPConnector(ssl=api.front.connector._ssl, limit=0)  # type: ignore[union-attr]
        async with aiohttp.ClientSession(connector=connector) as session, contextlib.AsyncExitStack() as stack:

            async def talk(number: int) -> bytes:
                console = await stack.enter_async_context(session.ws_connect(api.url + CONSOLE, headers=ALICE))
                await console.send_bytes(b"%d" % number)
                return await console.receive_bytes(timeout=60)

            said = await asyncio.gather(*(talk(number) for number in range(200)))
            assert said == [b"%d" % number for number in range(200)]
