"""A WebSocket and a Unix socket joined: bytes both ways until either end closes, one client per socket.

QEMU takes one client at a time, so a second one evicts the first. Nothing is buffered beyond one message: a client
that does not read holds the guest's output back for a while and is then dropped, and so is one that has vanished.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aiohttp import WSMsgType, web

PROTOCOL = "plain.kubevirt.io"
CHUNK = 10240
MAX_MESSAGE = 1024 * 1024
SLOW_SECONDS = 30.0
PING_SECONDS = 30.0


@dataclass(frozen=True)
class StreamKey:
    """Which stream of which guest."""

    vmi_uid: str
    kind: str


class Streams:
    """The streams that are open now."""

    def __init__(self) -> None:
        self._open: dict[StreamKey, asyncio.Task[None]] = {}

    def is_open(self, key: StreamKey) -> bool:
        return key in self._open

    async def join(self, key: StreamKey, request: web.Request, path: str) -> web.WebSocketResponse:
        """Serve `request` from the Unix socket at `path` until one side ends. Raises OSError before the upgrade."""
        await self._evict(key)
        reader, writer = await asyncio.open_unix_connection(path, limit=CHUNK)
        websocket = web.WebSocketResponse(
            protocols=(PROTOCOL,), max_msg_size=MAX_MESSAGE, heartbeat=PING_SECONDS, compress=False
        )
        try:
            await websocket.prepare(request)
            task = asyncio.create_task(_splice(websocket, reader, writer))
            self._open[key] = task
            try:
                await asyncio.wait([task])
            finally:
                task.cancel()
                if self._open.get(key) is task:
                    del self._open[key]
        finally:
            writer.close()
        await websocket.close()
        return websocket

    async def _evict(self, key: StreamKey) -> None:
        old = self._open.pop(key, None)
        if old is not None:
            old.cancel()
            await asyncio.wait([old])


async def _splice(websocket: web.WebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends when either direction does."""
    directions = [
        asyncio.create_task(_to_guest(websocket, writer)),
        asyncio.create_task(_to_client(reader, websocket)),
    ]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in directions:
            each.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
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
