"""The way of a migration's bytes, on real sockets and with real TLS; pods' networks are this process's own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from virt_handler.adapters.migration_relay import MOST_CONNECTIONS, Dial, End, MigrationRelays
from virt_handler.adapters.migration_wire import SILENT_SECONDS, notice_silence
from virt_handler.plan import migration_hello
from virt_handler.plan.migration_role import Move
from virt_model.migration_way import DISKS, LIBVIRT, LOOPBACK, MEMORY

AUTHORITY = trustme.CA()
HOST = "127.0.0.1"


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One test at a time on this machine: a way's ports on loopback are always the same."""
    with (Path(tempfile.gettempdir()) / "podvirt-test-migration-ways").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def name_of(node: str) -> str:
    return f"{node}.virt-handler.kubevirt.svc"


def relays(node: str, authority: trustme.CA = AUTHORITY) -> MigrationRelays:
    certificate = authority.issue_cert(name_of(node), common_name="kubevirt.io:system:node:virt-handler")

    def context(side: int) -> Callable[[], ssl.SSLContext]:
        def make() -> ssl.SSLContext:
            made = ssl.SSLContext(side)
            certificate.configure_cert(made)
            AUTHORITY.configure_trust(made)
            made.verify_mode = ssl.CERT_REQUIRED
            return made

        return make

    return MigrationRelays(
        address=lambda: HOST, pods_dir="/", name_of=name_of, client=context(ssl.PROTOCOL_TLS_CLIENT),
        server=context(ssl.PROTOCOL_TLS_SERVER), target_socket=lambda uid: uid,
    )  # fmt: skip


def move(port: int = 0, source: str = "a", uid: str = "job") -> Move:
    return Move(uid=uid, source_node=source, target_node="b", address=HOST, port=port)


def plain(port: int = 0) -> Move:
    return msgspec.structs.replace(move(port), configuration={"disableTLS": True})


class Pod:
    """What answers in the target's pod: each channel says its number, then echoes."""

    def __init__(self) -> None:
        self.dialled: list[int] = []
        self._servers: list[asyncio.Server] = []

    async def dial(self, channel: int) -> socket.socket:
        self.dialled.append(channel)

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"{channel}:".encode())
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, HOST, 0)
        self._servers.append(server)
        return socket.create_connection((HOST, server.sockets[0].getsockname()[1]))

    def close(self) -> None:
        for server in self._servers:
            server.close()


@contextlib.asynccontextmanager
async def way(
    source: MigrationRelays, told: Callable[[int], Move], at_target: Move | None = None, dial: Dial | None = None
) -> AsyncIterator[tuple[End, End, Pod]]:
    """Both ends, open; `told(port)` is the migration as the source knows it, `at_target` as the target does."""
    pod = Pod()
    target = await relays("b").listen_for(at_target or move(), dial or pod.dial)
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        begin = await source.listen_in(own, told(target.state.port))
        try:
            yield begin, target, pod
        finally:
            await begin.close()
    finally:
        os.close(own)
        await target.close()
        pod.close()


async def ask(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(data)
    await writer.drain()
    answer = b""
    with contextlib.suppress(OSError):
        async with asyncio.timeout(20):
            while len(answer.partition(b":")[2]) < len(data) and (part := await reader.read(1 << 16)):
                answer += part
    writer.close()
    return answer


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="entering a network namespace needs root")


async def taken(port: int, most: int) -> int:
    """How many bytes the way takes while nobody reads them at its end: up to `most`, or until it takes no more."""
    loop, count, piece = asyncio.get_running_loop(), 0, bytes(1 << 16)
    with socket.socket() as sender:
        sender.setblocking(False)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        await loop.sock_connect(sender, (LOOPBACK, port))
        with contextlib.suppress(TimeoutError):
            while count < most:
                async with asyncio.timeout(1):
                    await loop.sock_sendall(sender, piece)
                count += len(piece)
    return count


@pytest.mark.parametrize("told", [move, plain], ids=["TLS", "plain"])
async def test_what_a_slow_target_has_not_read_waits_in_the_guest_that_goes_on(told: Callable[..., Move]) -> None:
    """And not on the way, where it would have to arrive while the guest stands."""
    deaf, dialled = socket.create_server((HOST, 0)), asyncio.Event()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)

    async def dial(channel: int) -> socket.socket:
        dialled.set()
        return socket.create_connection(deaf.getsockname())

    async with way(relays("a"), told, told(), dial) as (begin, _, _):
        with deaf, socket.create_connection((LOOPBACK, begin.state.port)):  # libvirt's, which brings the key
            async with asyncio.timeout(20):
                await dialled.wait()
            assert 0 < await taken(MEMORY, 64 << 20) < 8 << 20


@pytest.mark.parametrize("told", [move, plain], ids=["TLS", "plain"])
async def test_each_channel_arrives_where_it_belongs_whole(told: Callable[..., Move]) -> None:
    data = os.urandom(3 << 20)
    async with way(relays("a"), told, told()) as (begin, target, pod):
        first = await ask(begin.state.port, data)
        answers = [first, *await asyncio.gather(*(ask(port, data) for port in (MEMORY, MEMORY, DISKS)))]
        assert [answer.partition(b":") for answer in answers] == [
            (str(channel).encode(), b":", data) for channel in (LIBVIRT, MEMORY, MEMORY, DISKS)
        ]
        assert target.state.migration_uid == begin.state.migration_uid == "job"
        assert target.state.address == HOST and sorted(pod.dialled) == [LIBVIRT, MEMORY, MEMORY, DISKS]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (relays("c"), move),  # another node's agent
        (relays("a", trustme.CA()), move),  # a certificate of somebody else's authority
        (relays("a"), lambda port: move(port, uid="another")),
    ],
    ids=["another node", "another authority", "another migration"],
)
async def test_nobody_else_is_let_in(source: MigrationRelays, told: Callable[[int], Move]) -> None:
    async with way(source, told) as (begin, _, pod):
        assert await ask(begin.state.port, b"hello") == b""
        assert pod.dialled == []


async def test_a_source_does_not_talk_to_another_target() -> None:
    def elsewhere(port: int) -> Move:
        return Move(uid="job", source_node="a", target_node="c", address=HOST, port=port)

    async with way(relays("a"), elsewhere) as (begin, _, pod):
        assert await ask(begin.state.port, b"hello") == b""
        assert pod.dialled == []


async def test_a_target_that_is_not_there_is_named() -> None:
    with contextlib.closing(socket.create_server((HOST, 0))) as silent:
        gone = silent.getsockname()[1]
    async with way(relays("a"), lambda port: move(gone)) as (begin, _, _pod):
        assert begin.state.problem == ""
        assert await ask(begin.state.port, b"hello") == b""
        assert begin.state.problem.startswith(f"no connection to virt-handler of b at {HOST}:{gone}: ")


def test_a_connection_does_not_wait_for_the_silent_for_ever() -> None:
    with contextlib.closing(socket.socket()) as connection:
        notice_silence(connection)
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        idle, every, probes, longest = (connection.getsockopt(socket.IPPROTO_TCP, each) for each in options)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert idle + every * (probes - 1) <= longest / 1000 == SILENT_SECONDS < 30, "libvirt gives up after 30 s"
        assert idle == every == 2, "a way that is good again just before the end must be noticed"


@pytest.mark.parametrize("told", [move, plain], ids=["TLS", "plain"])
async def test_as_many_connections_as_memory_can_take_and_no_more(told: Callable[..., Move]) -> None:
    async with way(relays("a"), told, told()) as (begin, _, pod):
        await ask(begin.state.port, b"libvirt comes first")
        async with contextlib.AsyncExitStack() as held:
            for _ in range(MOST_CONNECTIONS):
                reader, writer = await asyncio.open_connection(LOOPBACK, MEMORY)
                held.callback(writer.close)
                writer.write(b"x")
                async with asyncio.timeout(10):
                    assert await reader.readexactly(len(f"{MEMORY}:x")) == f"{MEMORY}:x".encode()
            assert await ask(MEMORY, b"one more") == b""
        assert pod.dialled.count(MEMORY) == MOST_CONNECTIONS > 16


async def said_plainly(port: int, said: bytes) -> bytes:
    """What a stranger on the network hears who says that."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(said)
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            return await reader.read(1 << 16)
    return b""


async def test_without_the_key_nobody_is_let_in_plainly() -> None:
    async with way(relays("a"), plain, plain()) as (begin, target, pod):
        await ask(begin.state.port, b"libvirt comes first")
        wrong = bytes(migration_hello.KEY_BYTES)
        for said in (migration_hello.plain(wrong, "job", MEMORY, b"n" * 16), b"P" * migration_hello.PLAIN_BYTES):
            assert await said_plainly(target.state.port, said) == b""
        assert pod.dialled == [LIBVIRT]


async def test_what_was_overheard_is_of_no_use_twice_or_for_another_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[bytes] = []
    say = migration_hello.plain

    def overheard(*words: Any) -> bytes:
        heard.append(say(*words))
        return heard[-1]

    monkeypatch.setattr(migration_hello, "plain", overheard)
    async with way(relays("a"), plain, plain()) as (begin, target, pod):
        await ask(begin.state.port, b"libvirt comes first")
        assert (await ask(MEMORY, b"x")).endswith(b":x")
        (said,) = heard
        elsewhere = said[:1] + DISKS.to_bytes(2, "big") + said[3:]
        for again in (said, elsewhere):
            assert await said_plainly(target.state.port, again) == b""
        assert pod.dialled == [LIBVIRT, MEMORY]


async def test_plain_connections_are_for_migrations_that_shall_have_them() -> None:
    async with way(relays("a"), plain, move()) as (begin, _, pod):
        assert (await ask(begin.state.port, b"x")).endswith(b":x")
        assert await ask(MEMORY, b"x") == b""
        assert pod.dialled == [LIBVIRT]


@pytest.mark.parametrize("told", [move, plain], ids=["TLS", "plain"])
async def test_closing_leaves_no_connection_and_no_listener(told: Callable[..., Move]) -> None:
    async with way(relays("a"), told, told()) as (begin, _, _pod):
        await ask(begin.state.port, b"libvirt comes first")
        reader, writer = await asyncio.open_connection(LOOPBACK, MEMORY)
        writer.write(b"x")
        async with asyncio.timeout(10):
            await reader.read(1)
        await begin.close()
        async with asyncio.timeout(10):
            while await reader.read(1 << 16):
                pass
        writer.close()
        with pytest.raises(OSError):
            await asyncio.open_connection(LOOPBACK, MEMORY)
