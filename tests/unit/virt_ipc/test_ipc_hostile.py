"""Either end against one that does not keep to the rules."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.unit.virt_ipc.test_ipc_conversation import Recorder
from virt_ipc import wire
from virt_ipc.client import LauncherClient
from virt_ipc.errors import LauncherUnreachable, ProtocolError
from virt_ipc.messages import DomainReport, Empty, Status
from virt_ipc.server import MAX_CONNECTIONS, Newest, serve
from virt_ipc.wire import Answer, Outcome, Request


@pytest.fixture
def path(tmp_path: Path) -> Iterator[str]:
    """The socket of a server that works."""
    reports = Newest(DomainReport())
    server = serve(Recorder(reports), reports, str(tmp_path))
    yield str(tmp_path / "launcher-sock")
    server.stop(5)


def say(path: str, content: bytes) -> bytes:
    """Send bytes and read until the server hangs up."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(30)
        line.connect(path)
        line.sendall(content)
        line.shutdown(socket.SHUT_WR)
        heard = b""
        with contextlib.suppress(ConnectionResetError):  # hung up on before all that we said was read
            while part := line.recv(65536):
                heard += part
        return heard


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"\x00\x00\x00\x05abc", b"\xff\xff\xff\xff", b"\x00\x00\x00\x03abc", b"GET / HTTP/1.1\r\n\r\n"],
)
async def test_nonsense_is_hung_up_on_and_harms_nobody(path: str, content: bytes) -> None:
    assert await asyncio.to_thread(say, path, content) == b""
    async with LauncherClient.connect(path) as client:
        await client.ping()


async def test_an_unknown_method_is_answered_so(path: str) -> None:
    heard = await asyncio.to_thread(say, path, wire.frame(Request(method="format_disk", body=b"")))
    answer = msgspec.msgpack.decode(heard[wire.LENGTH.size :], type=Answer)
    assert answer == Answer(outcome=Outcome.NOT_UNDERSTOOD, body=b"no method format_disk")


async def test_too_many_connections_are_hung_up_on_and_room_comes_back(path: str) -> None:
    lines = [await asyncio.open_unix_connection(path) for _ in range(MAX_CONNECTIONS)]
    async with LauncherClient.connect(path) as client:
        with pytest.raises(LauncherUnreachable):
            await client.ping()
        for _, writer in lines:
            writer.close()
        async with asyncio.timeout(20):
            while not await _answers(client):
                await asyncio.sleep(0.01)


async def _answers(client: LauncherClient) -> bool:
    try:
        await client.ping()
    except LauncherUnreachable:
        return False
    return True


Liar = Callable[[bytes], Awaitable[LauncherClient]]


@pytest.fixture
async def liar(tmp_path: Path) -> AsyncIterator[Liar]:
    """A client of a launcher that says the given bytes to whatever it is asked, and hangs up."""
    servers: list[asyncio.Server] = []

    async def start(content: bytes) -> LauncherClient:
        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(65536)
            writer.write(content)
            writer.close()

        servers.append(await asyncio.start_unix_server(converse, str(tmp_path / "liar")))
        return LauncherClient.connect(str(tmp_path / "liar"))

    yield start
    for server in servers:
        server.close()


def done(body: bytes) -> bytes:
    return wire.frame(Answer(outcome=Outcome.DONE, body=body))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xffabc",
        b"\x00\x00\x00\x03abc",
        done(b"abc"),
        done(msgspec.msgpack.encode({"machine_type": "x" * 10_000})),
        done(msgspec.msgpack.encode({"status": "levitating"})),
        done(msgspec.msgpack.encode({"disks": [{"name": "a", "target": "vda"}] * 1000})),
        done(bytes(wire.MAX_REPORT + 1)),
    ],
)
async def test_what_a_launcher_says_is_checked(liar: Liar, content: bytes) -> None:
    async with await liar(content) as client:
        with pytest.raises(ProtocolError):
            await anext(client.events())


async def test_a_stream_that_breaks_off_is_an_unreachable_launcher(liar: Liar) -> None:
    report = DomainReport(status=Status.RUNNING)
    async with await liar(done(wire.encode(report)) + b"\x00\x00") as client:
        events = client.events()
        assert await anext(events) == report
        with pytest.raises(LauncherUnreachable):
            await anext(events)


async def test_a_launcher_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("virt_ipc.client.SHORT", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "silent"))
        silent.listen()
        async with LauncherClient.connect(str(tmp_path / "silent")) as client:
            with pytest.raises(LauncherUnreachable, match="no answer in time"):
                await client.ping()


def test_empty_is_empty() -> None:
    assert wire.decoder(Empty)(wire.encode(Empty())) == Empty()
