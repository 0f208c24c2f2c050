"""The console server over real mutual TLS, with a Unix socket in the place of QEMU's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import pytest
import trustme

from tests.fakes.waiting import until
from virt_handler.adapters import streams
from virt_handler.adapters.console import CLIENT_NAME, console_app
from virt_handler.adapters.guest_actions import ActionFailed
from virt_handler.adapters.streams import PROTOCOL
from virt_model.paths import SERIAL_SOCKET, USB_SOCKETS
from virt_runtime.serve import serving
from virt_runtime.tls import Pair, ServingCertificate

SERVER_NAME = "n1.virt-handler.kubevirt.svc"
ROOM = "volumes/kubernetes.io~empty-dir/private"


class Qemu:
    """One client at a time, as QEMU's chardev: a second waits in the backlog."""

    def __init__(self) -> None:
        self.connections: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append((reader, writer))

    async def hear(self) -> bytes:
        return await self.connections[-1][0].read(100)

    def say(self, data: bytes) -> None:
        self.connections[-1][1].write(data)


class Actions:
    """Takes what is asked for, as GuestActions would do it."""

    def __init__(self, done: list[tuple[str, str]]) -> None:
        self.done = done

    async def do(self, uid: str, action: str, query: Mapping[str, str]) -> None:
        if action == "reset":
            raise ActionFailed('server error. command Reset failed: "no"')
        self.done.append((uid, action, *query.values()))

    async def ask(self, uid: str, question: str) -> dict[str, str]:
        if question == "fslist":
            raise ActionFailed("the guest agent cannot be asked: silence")
        return {uid: question}


class World:
    def __init__(self, url: str, qemu: Qemu, authority: trustme.CA, done: list[tuple[str, str]]) -> None:
        self.url, self.qemu, self.authority, self.done = url, qemu, authority, done

    def context(self, name: str = CLIENT_NAME) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority.cert_pem.bytes().decode())
        self.authority.issue_cert(common_name=name).configure_cert(context)
        return context

    async def put(self, name: str, action: str, caller: str = CLIENT_NAME) -> tuple[int, str]:
        url = f"{self.url}/v1/namespaces/ns/virtualmachineinstances/{name}/{action}"
        async with (
            aiohttp.ClientSession() as session,
            session.put(url, ssl=self.context(caller), server_hostname=SERVER_NAME) as answer,
        ):
            return answer.status, (await answer.text()).strip()

    @contextlib.asynccontextmanager
    async def dial(
        self, path: str = "ns/virtualmachineinstances/a/console", name: str = CLIENT_NAME, autoping: bool = True
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        context = self.context(name)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                f"{self.url}/v1/namespaces/{path}",
                ssl=context,
                server_hostname=SERVER_NAME,
                protocols=(PROTOCOL,),
                autoping=autoping,
            ) as socket,
        ):
            yield socket


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    directory = tmp_path / "p" / ROOM / "v"
    directory.mkdir(parents=True)
    qemu, authority = Qemu(), trustme.CA()
    issued = authority.issue_cert(SERVER_NAME)
    chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
    pair = Pair(certificate=chain, key=issued.private_key_pem.bytes())
    tls = ServingCertificate(lambda: pair, authority.cert_pem.bytes, clients_required=True)

    def find(namespace: str, name: str) -> tuple[str, str] | None:
        return ("p", "v") if (namespace, name) == ("ns", "a") else None

    done: list[tuple[str, str]] = []

    app = console_app(str(tmp_path), find, Actions(done))
    with contextlib.chdir(directory):  # a relative path is short enough for a socket
        servers = [await asyncio.start_unix_server(qemu.accept, name) for name in (SERIAL_SOCKET, *USB_SOCKETS)]
    async with contextlib.AsyncExitStack() as stack, serving(app, 0, tls.context(), "127.0.0.1") as port:
        for server in servers:
            await stack.enter_async_context(server)
        yield World(f"https://127.0.0.1:{port}", qemu, authority, done)


async def test_bytes_go_both_ways(world: World) -> None:
    async with world.dial() as client:
        assert client.protocol == PROTOCOL
        await until(lambda: world.qemu.connections)
        await client.send_bytes(b"root\n")
        assert await world.qemu.hear() == b"root\n"
        world.qemu.say(b"login: ")
        assert await client.receive_bytes() == b"login: "


async def test_a_second_client_evicts_the_first(world: World) -> None:
    async with world.dial() as first:
        await until(lambda: len(world.qemu.connections) == 1)
        async with world.dial() as second:
            assert (await first.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            await until(lambda: len(world.qemu.connections) == 2)
            world.qemu.say(b"hello")
            assert await second.receive_bytes() == b"hello"


async def test_who_asks_to_preserve_a_session_is_told_why_not(world: World) -> None:
    async with world.dial() as first:
        await until(lambda: world.qemu.connections)
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with world.dial("ns/virtualmachineinstances/a/console?preserveSession=true"):
                pass
        assert caught.value.status == 503 and caught.value.headers is not None
        assert caught.value.headers["X-Podvirt-Refusal"] == "Active CONSOLE connection. Request denied."
        world.qemu.say(b"still yours")
        assert await first.receive_bytes() == b"still yours"


async def test_usb_devices_take_no_others_place(world: World) -> None:
    path = "ns/virtualmachineinstances/a/usbredir"
    async with contextlib.AsyncExitStack() as stack:
        dials = (stack.enter_async_context(world.dial(path)) for _ in range(5))
        found = await asyncio.gather(*dials, return_exceptions=True)
        refused = [each for each in found if isinstance(each, aiohttp.WSServerHandshakeError)]
        assert [each.status for each in refused] == [503]
        assert refused[0].headers is not None and "X-Podvirt-Refusal" not in refused[0].headers
        plugged = [each for each in found if isinstance(each, aiohttp.ClientWebSocketResponse)]
        assert len(plugged) == 4
        await until(lambda: len(world.qemu.connections) == 4)
        for _, writer in world.qemu.connections:
            writer.write(b"hello")
        assert [await each.receive_bytes() for each in plugged] == [b"hello"] * 4
        await plugged[0].close()
        async with world.dial(path):
            await until(lambda: len(world.qemu.connections) == 5)


async def test_of_many_at_once_one_has_the_console(world: World) -> None:
    async with contextlib.AsyncExitStack() as stack:
        clients = await asyncio.gather(*(stack.enter_async_context(world.dial()) for _ in range(8)))
        await until(lambda: len(world.qemu.connections) == 8)
        waiting = {asyncio.ensure_future(client.receive()) for client in clients}
        await until(lambda: sum(task.done() for task in waiting) >= 7)
        gone, left = {task for task in waiting if task.done()}, {task for task in waiting if not task.done()}
        assert len(gone) == 7 and len(left) == 1
        assert all(task.result().type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED) for task in gone)
        world.qemu.say(b"yours")
        assert (await asyncio.wait_for(left.pop(), 60)).data == b"yours"


async def test_of_many_who_would_not_disturb_one_comes_in(world: World) -> None:
    path = "ns/virtualmachineinstances/a/console?preserveSession=true"
    async with contextlib.AsyncExitStack() as stack:
        dials = (stack.enter_async_context(world.dial(path)) for _ in range(4))
        found = await asyncio.gather(*dials, return_exceptions=True)
        refused = [each.status for each in found if isinstance(each, aiohttp.WSServerHandshakeError)]
        assert refused == [503] * 3
        assert len(world.qemu.connections) == 1


async def test_one_who_does_not_listen_is_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SLOW_SECONDS", 0.3)
    async with world.dial():
        await until(lambda: world.qemu.connections)
        writer = world.qemu.connections[0][1]
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(20):
                while True:
                    writer.write(bytes(1 << 16))
                    await writer.drain()


async def test_one_who_has_vanished_is_dropped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.3)
    async with world.dial(autoping=False) as client:
        await until(lambda: world.qemu.connections)
        listening = asyncio.ensure_future(client.receive())  # pings are seen, and not answered
        assert await asyncio.wait_for(world.qemu.hear(), 10) == b""
        listening.cancel()


async def test_actions_are_for_virt_api_alone(world: World) -> None:
    assert (await world.put("a", "pause", "somebody else"))[0] == 403
    assert (await world.put("b", "pause"))[0] == 404
    assert world.done == []
    assert await world.put("a", "pause") == (200, "")
    assert world.done == [("v", "pause")]
    assert await world.put("a", "reset") == (400, 'server error. command Reset failed: "no"')
    assert (await world.put("a", "delete"))[0] == 404
    assert await world.put("a", "freeze?unfreezeAfter=9") == (200, "")
    assert world.done[-1] == ("v", "freeze", "9")


async def test_the_end_of_the_guest_ends_the_console(world: World) -> None:
    async with world.dial() as client:
        await until(lambda: world.qemu.connections)
        world.qemu.connections[0][1].close()
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize(
    ("path", "name", "status"),
    [
        ("ns/virtualmachineinstances/a/console", "somebody else", 403),
        ("ns/virtualmachineinstances/other/console", CLIENT_NAME, 404),
        ("ns/virtualmachineinstances/a/vnc", CLIENT_NAME, 500),
    ],
)
async def test_refusals(world: World, path: str, name: str, status: int) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        async with world.dial(path, name):
            pass
    assert caught.value.status == status


async def test_without_a_certificate_there_is_no_connection(world: World) -> None:
    context = ssl.create_default_context(cadata=world.authority.cert_pem.bytes().decode())
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(world.url, ssl=context, server_hostname=SERVER_NAME)
