"""The way of a migration's bytes between two nodes, from the source's pod to the target's.

 libvirt, QEMU ─► loopback of the pod ─► this agent ══ TLS ══► that agent ─► libvirtd, QEMU in the other pod

Each connection there is one connection here; its first line says which migration and which channel. The target lets in
the agent of the source's node alone, by its certificate. Sockets on loopback are made inside the pods' networks and
stay there when the thread that made them has gone.

An agent that is not heard any more is given up soon: QEMU, asked to give up a copy of a disk, waits for the connection
it goes over, and the guest stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from virt_handler.adapters import netns
from virt_handler.adapters.caller import names_in
from virt_handler.adapters.safe_path import beneath
from virt_handler.plan.migration_role import Move
from virt_handler.plan.steps import Relay
from virt_model.migration_way import DISKS, LIBVIRT, LOOPBACK, MEMORY
from virt_runtime.race import first_of

LOG = logging.getLogger(__name__)
CHUNK: Final = 1 << 20
MOST_CONNECTIONS: Final = 32
"""Of one migration at one time: memory may come over sixteen."""
HELLO_SECONDS, DIAL_SECONDS, FAREWELL_SECONDS = 5.0, 10.0, 10.0
HELLO_BYTES: Final = 128
SILENT_SECONDS: Final = 20
"""So long may the other agent's kernel say nothing. Longer than a switch needs to find another way."""
_PROBES: Final = 4
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[int], Awaitable[Streams]]


class End:
    """One end: its listening sockets, and what is joined through it. `close` leaves nothing."""

    def __init__(self, state: Relay) -> None:
        self.state = state
        self._servers: list[asyncio.Server] = []
        self._joined: set[asyncio.Task[None]] = set()

    def serve(self, server: asyncio.Server) -> None:
        self._servers.append(server)

    async def join(self, here: Streams, dial: Callable[[], Awaitable[Streams]], whom: str) -> None:
        """Join a connection that came with one that is made now, to `whom`, until either ends."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._joined) >= MOST_CONNECTIONS:
            here[1].close()
            return
        self._joined.add(task)
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                there = await dial()
        except (OSError, TimeoutError, ssl.SSLError) as error:
            self._failed(f"no connection to {whom}: {str(error) or f'none within {DIAL_SECONDS:.0f} s'}")
            here[1].close()
        else:
            await _splice(here, there, lambda error: self._broke(error, whom))
        finally:
            self._joined.discard(task)

    def _broke(self, error: OSError, whom: str) -> None:
        """Of other breaks the migration's own protocol tells."""
        if isinstance(error, TimeoutError):
            self._failed(f"{whom} said nothing for {SILENT_SECONDS} s")

    def _failed(self, why: str) -> None:
        self.state = msgspec.structs.replace(self.state, problem=why)
        LOG.warning("migration %s: %s", self.state.migration_uid, why)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for task in list(self._joined):
            task.cancel()
        await asyncio.gather(*self._joined, return_exceptions=True)


class MigrationRelays:
    """Both kinds of ends, for the agent of one node. `name_of(node)` is what that node's certificate must carry."""

    def __init__(
        self, *, address: str, pods_dir: str, name_of: Callable[[str], str], client: Callable[[], ssl.SSLContext],
        server: Callable[[], ssl.SSLContext], target_socket: Callable[[str], str],
    ) -> None:  # fmt: skip
        """`target_socket(pod UID)` is libvirtd's, below `pods_dir`."""
        self._address, self._pods_dir, self._name_of = address, pods_dir, name_of
        self._client, self._server, self._target_socket = client, server, target_socket

    async def open_source(self, move: Move, socket_path: str) -> End:
        """Listen in the pod of the launcher at `socket_path` for what goes to the target. Raises OSError."""
        door = await asyncio.to_thread(netns.open_door, socket_path)
        try:
            return await self.listen_in(door.namespace, move)
        finally:
            os.close(door.namespace)

    async def listen_in(self, namespace: int, move: Move) -> End:
        sockets = await netns.run_inside(namespace, _listen)
        end = End(Relay(migration_uid=move.uid, port=sockets[LIBVIRT].getsockname()[1]))
        for channel, listener in sockets.items():
            end.serve(await asyncio.start_server(self._outward(end, move, channel), sock=listener, limit=CHUNK))
        return end

    def _outward(self, end: End, move: Move, channel: int) -> Callable[..., Awaitable[None]]:
        async def dial() -> Streams:
            reader, writer = await asyncio.open_connection(
                move.address, move.port, ssl=self._client(), server_hostname=self._name_of(move.target_node),
                limit=CHUNK,
            )  # fmt: skip
            notice_silence(writer.get_extra_info("socket"))
            writer.write(f"{move.uid} {channel}\n".encode())
            return reader, writer

        whom = f"virt-handler of {move.target_node} at {move.address}:{move.port}"
        return lambda reader, writer: end.join((reader, writer), dial, whom)

    async def open_target(self, move: Move, socket_path: str, pod_uid: str) -> End:
        """Listen for the source's agent, and lead what it sends into the pod of the launcher. Raises OSError."""
        door = await asyncio.to_thread(netns.open_door, socket_path)
        namespace = os.dup(door.namespace)
        os.close(door.namespace)

        async def dial(channel: int) -> Streams:
            if channel == LIBVIRT:
                with beneath(self._pods_dir, self._target_socket(pod_uid)) as path:
                    return await asyncio.open_unix_connection(path, limit=CHUNK)
            inside = await netns.run_inside(namespace, lambda: _connect(channel))
            return await asyncio.open_connection(sock=inside, limit=CHUNK)

        return await self.listen_for(move, dial, namespace)

    async def listen_for(self, move: Move, dial: Dial, namespace: int = -1) -> End:
        end = TargetEnd(namespace)

        async def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            notice_silence(writer.get_extra_info("socket"))
            channel = await self._hello(move, reader, writer)
            if channel is None:
                writer.close()
                return
            await end.join(
                (reader, writer), lambda: dial(channel), f"virt-handler of {move.source_node} or the launcher"
            )

        server = await asyncio.start_server(came, self._address, 0, ssl=self._server(), limit=CHUNK)
        end.serve(server)
        port = server.sockets[0].getsockname()[1]
        end.state = Relay(migration_uid=move.uid, address=self._address, port=port)
        return end

    async def _hello(self, move: Move, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int | None:
        """The channel that an allowed peer asks for."""
        if self._name_of(move.source_node) not in names_in(writer.get_extra_info("peercert") or {}):
            LOG.warning("migration %s: a peer that is not the source's agent was turned away", move.uid)
            return None
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                line = await reader.readuntil(b"\n")
            uid, channel = line[:HELLO_BYTES].decode().split()
            return int(channel) if uid == move.uid and int(channel) in (LIBVIRT, MEMORY, DISKS) else None
        except (TimeoutError, ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return None


class TargetEnd(End):
    """Owns the descriptor of the pod's network namespace."""

    def __init__(self, namespace: int) -> None:
        super().__init__(Relay(migration_uid=""))
        self._namespace = namespace

    async def close(self) -> None:
        await super().close()
        if self._namespace >= 0:
            os.close(self._namespace)
            self._namespace = -1


def _listen() -> dict[int, socket.socket]:
    found: dict[int, socket.socket] = {}
    try:
        for channel in (LIBVIRT, MEMORY, DISKS):
            found[channel] = socket.create_server((LOOPBACK, channel))
    except OSError:
        for listener in found.values():
            listener.close()
        raise
    return found


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=DIAL_SECONDS)
    connection.setblocking(False)
    return connection


def notice_silence(connection: socket.socket) -> None:
    """End the connection with ETIMEDOUT when the other side does not answer, whether or not there is data to send."""
    every = SILENT_SECONDS // _PROBES
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, every)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SILENT_SECONDS)


async def _splice(here: Streams, there: Streams, broke: Callable[[OSError], None]) -> None:
    """Both ways; what is on its way when one side ends still arrives. `broke` hears of one that went without a word."""
    try:
        await first_of(_pump(here[0], there[1]), _pump(there[0], here[1]))
    except OSError as error:
        broke(error)
    finally:
        for _, writer in (here, there):
            writer.close()
        for _, writer in (here, there):
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
