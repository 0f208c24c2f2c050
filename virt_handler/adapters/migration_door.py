"""Who is let in at the target of a migration: the source's agent, over TLS by its certificate, plain by its key."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Final

from virt_handler.adapters.caller import names_in
from virt_handler.adapters.migration_wire import CHUNK, Streams, Wire, hang_up, notice_silence
from virt_handler.plan import migration_hello
from virt_handler.plan.migration_role import Move
from virt_model.migration_way import LIBVIRT

LOG = logging.getLogger(__name__)
HELLO_SECONDS: Final = 5.0
Admitted = tuple[int, Wire]
"""The channel that is asked for, and the connection."""


class Door:
    """Of one migration. It holds the key of plain connections and the numbers that were used with it."""

    def __init__(self, move: Move, source: str, server: Callable[[], ssl.SSLContext]) -> None:
        """`source` is what the certificate of the source's agent must carry."""
        self._move, self._source, self._server = move, source, server
        self._key = b""
        self._used: set[bytes] = set()

    async def admit(self, connection: socket.socket) -> Admitted | None:
        """None for whoever may not come in, whose connection is closed then."""
        wire: Wire = connection
        try:
            notice_silence(connection)
            async with asyncio.timeout(HELLO_SECONDS):
                if await _first_byte(connection) == migration_hello.MARK:
                    channel = await self._plain(connection)
                else:
                    wire = await _handshake(connection, self._server())
                    channel = await self._over_tls(*wire)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            channel = None
        except BaseException:
            hang_up(wire)
            raise
        if channel is None:
            hang_up(wire)
            return None
        return channel, wire

    async def _over_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int | None:
        if self._source not in names_in(writer.get_extra_info("peercert") or {}):
            self._turned_away("is not the source's agent")
            return None
        said = migration_hello.parsed(await reader.readuntil(b"\n"))
        if said is None or said.migration_uid != self._move.uid:
            return None
        if said.channel == LIBVIRT and said.key != self._key:
            self._key, self._used = said.key, set()
        return said.channel

    async def _plain(self, connection: socket.socket) -> int | None:
        said = migration_hello.plain_parsed(await _exactly(connection, migration_hello.PLAIN_BYTES))
        if not (self._move.plain and self._key):
            self._turned_away("came without TLS")
            return None
        if said is None or not said.proves(self._key, self._move.uid) or said.nonce in self._used:
            self._turned_away("does not prove that it is the source's agent")
            return None
        self._used.add(said.nonce)
        return said.channel

    def _turned_away(self, why: str) -> None:
        LOG.warning("migration %s: a peer that %s was turned away", self._move.uid, why)


async def _first_byte(connection: socket.socket) -> bytes:
    """It stays in the connection."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def readable() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, readable)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
    return connection.recv(1, socket.MSG_PEEK)


async def _exactly(connection: socket.socket, count: int) -> bytes:
    """Raises ConnectionError when less comes."""
    loop, said = asyncio.get_running_loop(), b""
    while len(said) < count:
        more = await loop.sock_recv(connection, count - len(said))
        if not more:
            raise ConnectionError("it ended")
        said += more
    return said


async def _handshake(connection: socket.socket, context: ssl.SSLContext) -> Streams:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)
