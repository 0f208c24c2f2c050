"""A WebSocket and a Unix socket joined: bytes both ways until either end closes, one client per socket.

QEMU takes one client at a time, so a second one evicts the first, unless it asked to leave others alone. Clients of
one socket take turns in this: however many come at once, one of them has the socket in the end. Nothing is buffered
beyond one message: a client that does not read holds the guest's output back for a while and is then dropped, and so
is one that has vanished, and one that was evicted and does not say goodbye.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from weakref import WeakValueDictionary

from aiohttp import WSMsgType, web

from virt_runtime.race import first_of

PROTOCOL = "plain.kubevirt.io"
CHUNK = 1 << 16  # bytes; pictures of a screen are long
MAX_MESSAGE = 1024 * 1024
SLOW_SECONDS = 30.0
PING_SECONDS = 30.0
FAREWELL_SECONDS = 2.0
DIAL_SECONDS = 5.0  # QEMU takes the next client once it has noticed that the last one is gone


class Busy(Exception):
    """Somebody else is connected, and shall be left alone."""


@dataclass(frozen=True)
class StreamKey:
    """Which socket of which guest."""

    vmi_uid: str
    socket: str


class Streams:
    """The streams that are open now."""

    def __init__(self) -> None:
        self._open: dict[StreamKey, asyncio.Task[None]] = {}
        self._turns: WeakValueDictionary[StreamKey, asyncio.Lock] = WeakValueDictionary()

    async def join(
        self, key: StreamKey, request: web.Request, path: str, *, preserve: bool = False
    ) -> web.WebSocketResponse:
        """Serve `request` from the Unix socket at `path` until one side ends; `preserve`: only if it is free.

        Raises Busy and OSError before the upgrade.
        """
        websocket = web.WebSocketResponse(
            protocols=(PROTOCOL,),
            max_msg_size=MAX_MESSAGE,
            heartbeat=PING_SECONDS,
            timeout=FAREWELL_SECONDS,
            compress=False,
        )
        async with self._turns.setdefault(key, asyncio.Lock()):
            task = await self._begin(key, request, path, websocket, preserve=preserve)
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            if self._open.get(key) is task:
                del self._open[key]
        await websocket.close()
        return websocket

    async def _begin(
        self, key: StreamKey, request: web.Request, path: str, websocket: web.WebSocketResponse, *, preserve: bool
    ) -> asyncio.Task[None]:
        if preserve and key in self._open:
            raise Busy
        await self._evict(key)
        async with asyncio.timeout(DIAL_SECONDS):
            reader, writer = await asyncio.open_unix_connection(path, limit=CHUNK)
        try:
            await websocket.prepare(request)
        except BaseException:
            writer.close()
            raise
        self._open[key] = task = asyncio.create_task(_splice(websocket, reader, writer))
        return task

    async def _evict(self, key: StreamKey) -> None:
        old = self._open.pop(key, None)
        if old is not None:
            old.cancel()
            await asyncio.wait([old])


async def _splice(websocket: web.WebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends when either direction does."""
    try:
        await first_of(_to_guest(websocket, writer), _to_client(reader, websocket))
    except (ConnectionError, TimeoutError):
        pass  # one side went without a word
    finally:
        writer.close()


async def _to_guest(websocket: web.WebSocketResponse, writer: asyncio.StreamWriter) -> None:
    async for message in websocket:
        if message.type is WSMsgType.BINARY:
            writer.write(message.data)
        elif message.type is WSMsgType.TEXT:
            writer.write(message.data.encode())
        else:
            return
        await writer.drain()


async def _to_client(reader: asyncio.StreamReader, websocket: web.WebSocketResponse) -> None:
    while data := await reader.read(CHUNK):
        async with asyncio.timeout(SLOW_SECONDS):
            await websocket.send_bytes(data)
