"""The way of a migration's bytes between two nodes, from the source's pod to the target's.

 libvirt, QEMU ─► loopback of the pod ─► this agent ══ TLS ══► that agent ─► libvirtd, QEMU in the other pod

Each connection there is one connection here; its first words say which migration and which channel. The target lets in
the agent of the source's node alone, by its certificate. With `disableTLS` memory and disks go plain, over connections
that prove to be the same agent's: they know a key that went with libvirt's, which is always over TLS.
Sockets on loopback are made inside the pods' networks and stay there when the thread that made them has gone.

An agent that is not heard any more is given up soon: QEMU, asked to give up a copy of a disk, waits for the connection
it goes over, and the guest stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from virt_handler.adapters import netns
from virt_handler.adapters.migration_door import Door
from virt_handler.adapters.migration_wire import (
    CHUNK,
    SILENT_SECONDS,
    Wire,
    carry,
    hang_up,
    hold_little_between,
    hold_little_here,
    notice_silence,
)
from virt_handler.adapters.safe_path import beneath
from virt_handler.plan import migration_hello
from virt_handler.plan.migration_hello import Hello
from virt_handler.plan.migration_role import Move
from virt_handler.plan.steps import Relay
from virt_model.migration_way import DISKS, LIBVIRT, LOOPBACK, MEMORY

LOG = logging.getLogger(__name__)
MOST_CONNECTIONS: Final = 32
"""Of one migration at one time: memory may come over sixteen."""
DIAL_SECONDS: Final = 10.0
ACCEPT_AGAIN_SECONDS: Final = 1.0
"""After a failure that is no caller's, such as too many open files."""
Dial = Callable[[int], Awaitable[socket.socket]]
Came = Callable[[socket.socket], Awaitable[None]]


class End:
    """One end: its listening sockets, and what is joined through it. `close` leaves nothing."""

    def __init__(self, state: Relay) -> None:
        self.state = state
        self._listeners: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._joined = 0

    def serve(self, listener: socket.socket, came: Came) -> None:
        """Hand each connection to `came`, which closes it."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._begin(self._accept(listener, came))

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket, came: Came) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                LOG.warning("migration %s: no connection is accepted: %s", self.state.migration_uid, error)
                await asyncio.sleep(ACCEPT_AGAIN_SECONDS)
            else:
                self._begin(came(connection))

    async def join(self, here: Wire, dial: Callable[[], Awaitable[Wire]], whom: str) -> None:
        """Join a connection that came with one that is made now, to `whom`, until they end."""
        if self._joined >= MOST_CONNECTIONS:
            hang_up(here)
            return
        self._joined += 1
        there: Wire | None = None
        try:
            there = await self._dialled(dial, whom)
            if there is not None:
                await self._carried(here, there, whom)
        finally:
            self._joined -= 1
            if there is None:
                hang_up(here)

    async def _dialled(self, dial: Callable[[], Awaitable[Wire]], whom: str) -> Wire | None:
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                return await dial()
        except OSError as error:
            self._failed(f"no connection to {whom}: {str(error) or f'none within {DIAL_SECONDS:.0f} s'}")
            return None

    async def _carried(self, here: Wire, there: Wire, whom: str) -> None:
        try:
            await carry(here, there)
        except TimeoutError:
            self._failed(f"{whom} said nothing for {SILENT_SECONDS} s")
        except OSError:
            pass  # of other breaks the migration's own protocol tells

    def _failed(self, why: str) -> None:
        self.state = msgspec.structs.replace(self.state, problem=why)
        LOG.warning("migration %s: %s", self.state.migration_uid, why)

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()


class MigrationRelays:
    """Both kinds of ends, for the agent of one node. `name_of(node)` is what that node's certificate must carry."""

    def __init__(
        self, *, address: Callable[[], str], pods_dir: str, name_of: Callable[[str], str],
        client: Callable[[], ssl.SSLContext], server: Callable[[], ssl.SSLContext], target_socket: Callable[[str], str],
    ) -> None:  # fmt: skip
        """`address()` is where to listen, asked each time; `target_socket(pod UID)` is libvirtd's, below `pods_dir`."""
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
        key = secrets.token_bytes(migration_hello.KEY_BYTES) if move.plain else b""
        for channel, listener in sockets.items():
            end.serve(listener, self._outward(end, move, channel, key))
        return end

    def _outward(self, end: End, move: Move, channel: int, key: bytes) -> Came:
        async def dial() -> Wire:
            if key and channel != LIBVIRT:
                return await _dial_plain(move, channel, key)
            reader, writer = await asyncio.open_connection(
                move.address, move.port, ssl=self._client(), server_hostname=self._name_of(move.target_node),
                limit=CHUNK,
            )  # fmt: skip
            _prepare(writer.get_extra_info("socket"))
            writer.write(migration_hello.hello(Hello(migration_uid=move.uid, channel=channel, key=key)))
            return reader, writer

        whom = f"virt-handler of {move.target_node} at {move.address}:{move.port}"
        return lambda inside: end.join(inside, dial, whom)

    async def open_target(self, move: Move, socket_path: str, pod_uid: str) -> End:
        """Listen for the source's agent, and lead what it sends into the pod of the launcher. Raises OSError."""
        door = await asyncio.to_thread(netns.open_door, socket_path)
        namespace = door.namespace

        async def dial(channel: int) -> socket.socket:
            if channel == LIBVIRT:
                with beneath(self._pods_dir, self._target_socket(pod_uid)) as path:
                    return await _connect_unix(path)
            return await netns.run_inside(namespace, lambda: _connect(channel))

        try:
            return await self.listen_for(move, dial, namespace)
        except BaseException:
            os.close(namespace)
            raise

    async def listen_for(self, move: Move, dial: Dial, namespace: int = -1) -> End:
        address = await asyncio.to_thread(self._address)
        listener = socket.create_server((address, 0), family=_family(address))
        hold_little_between(listener)
        port = listener.getsockname()[1]
        end = TargetEnd(Relay(migration_uid=move.uid, address=address, port=port), namespace)
        door = Door(move, self._name_of(move.source_node), self._server)

        async def inward(channel: int) -> socket.socket:
            connection = await dial(channel)
            hold_little_here(connection)
            return connection

        async def came(connection: socket.socket) -> None:
            admitted = await door.admit(connection)
            if admitted is not None:
                channel, wire = admitted
                await end.join(wire, lambda: inward(channel), f"virt-handler of {move.source_node} or the launcher")

        end.serve(listener, came)
        return end


class TargetEnd(End):
    """Owns the descriptor of the pod's network namespace."""

    def __init__(self, state: Relay, namespace: int) -> None:
        super().__init__(state)
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
            hold_little_here(found[channel])
    except OSError:
        for listener in found.values():
            listener.close()
        raise
    return found


def _prepare(connection: socket.socket) -> None:
    """One to the other agent."""
    notice_silence(connection)
    hold_little_between(connection)


async def _dial_plain(move: Move, channel: int, key: bytes) -> socket.socket:
    loop = asyncio.get_running_loop()
    connection = socket.socket(_family(move.address))
    try:
        connection.setblocking(False)
        await loop.sock_connect(connection, (move.address, move.port))
        _prepare(connection)
        nonce = secrets.token_bytes(migration_hello.NONCE_BYTES)
        await loop.sock_sendall(connection, migration_hello.plain(key, move.uid, channel, nonce))
    except BaseException:
        connection.close()
        raise
    return connection


async def _connect_unix(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=DIAL_SECONDS)
    connection.setblocking(False)
    return connection


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
