"""Pictures of guests' screens: virt-api looks over the VNC stream itself, without taking it from anybody."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from aiohttp import web

from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.adapters.streams import Streams
from virt_api.plan import png
from virt_api.plan.rfb import Picture, RfbError, picture
from virt_api.plan.status import CallFailed, internal_error

TIMEOUT = 10.0  # seconds for the whole conversation
AT_ONCE = 4  # pictures; each may take a hundred megabytes
MOVE_CURSOR = "moveCursor"


class Screens:
    def __init__(self, streams: Streams, meter: StreamMeter) -> None:
        self._streams, self._meter = streams, meter
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def shoot(self, request: web.Request, namespace: str, name: str) -> web.Response:
        """Raises CallFailed, and ApiError where reading fails."""
        async with self._turns:
            socket = await self._streams.dial(namespace, name, "vnc", preserve=True)
            try:
                with self._meter.open("vnc", namespace, name):
                    seen = await _look(socket, move_cursor=request.query.get(MOVE_CURSOR) == "true")
            finally:
                await socket.close()
            return web.Response(body=await asyncio.to_thread(png.encode, seen), content_type="image/png")


async def _look(socket: aiohttp.ClientWebSocketResponse, *, move_cursor: bool) -> Picture:
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _talk(socket, move_cursor=move_cursor)
    except TimeoutError:
        raise CallFailed(internal_error("timed out waiting for VNC server messages")) from None
    except RfbError as error:
        raise CallFailed(internal_error(str(error))) from error
    except (OSError, aiohttp.ClientError, EOFError) as error:
        raise CallFailed(internal_error("the VNC connection broke")) from error


async def _talk(socket: aiohttp.ClientWebSocketResponse, *, move_cursor: bool) -> Picture:
    """Raises RfbError, and EOFError where the other side leaves."""
    talk, heard = picture(move_cursor=move_cursor), bytearray()
    wanted = next(talk)
    with contextlib.closing(talk):
        while True:
            answer = b""
            if isinstance(wanted, bytes):
                await socket.send_bytes(wanted)
            else:
                await _hear(socket, heard, wanted)
                answer = bytes(heard[:wanted])
                del heard[:wanted]
            try:
                wanted = talk.send(answer)
            except StopIteration as end:
                seen: Picture = end.value
                return seen


async def _hear(socket: aiohttp.ClientWebSocketResponse, heard: bytearray, wanted: int) -> None:
    while len(heard) < wanted:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.BINARY:
            raise EOFError
        heard += message.data
