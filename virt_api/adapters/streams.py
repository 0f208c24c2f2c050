"""A guest's stream (console, screen), carried from the caller's WebSocket to that of the guest's node and back.

The handler is called before the caller is answered, so that a refusal is still an ordinary HTTP answer. Between the
two, messages are passed on one by one: the next is read when the one before has left, so a slow reader on one side
slows the writer on the other, and what is held is at most one message and the sockets' own buffers. Nobody is pinged,
for the same reason: who does not read does not answer either; the handler drops them when they hold up the guest.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from aiohttp import web

from virt_api.adapters import caller
from virt_api.adapters.handlers import HandlerAway, Handlers
from virt_api.adapters.objects import Objects
from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.plan.status import CallFailed, internal_error
from virt_api.plan.stream import refused_by_handler, unreachable
from virt_runtime.keepalive import notice_dead_peer
from virt_runtime.log import about
from virt_runtime.race import first_of
from virt_runtime.resources import Json

LOG = logging.getLogger(__name__)
PATIENCE = 8.0  # seconds that a handler may take to come back
RETRY_SECONDS = 0.5
PRESERVE = "preserveSession"  # in the query: rather be refused than take a session over

Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class Streams:
    def __init__(self, objects: Objects, handlers: Handlers, meter: StreamMeter) -> None:
        self._objects, self._handlers, self._meter = objects, handlers, meter

    async def serve(self, request: web.Request, namespace: str, name: str, stream: str) -> web.StreamResponse:
        """Connect the request to a VMI's stream until either side ends it. Raises CallFailed before that."""
        here = caller.socket_of(request)
        there = await self.dial(namespace, name, stream, preserve=request.query.get(PRESERVE) == "true")
        try:
            await caller.answer(here, request)
            notice_dead_peer(there)
            with self._meter.open(stream, namespace, name):
                await join(here, there)
        finally:
            await there.close()
        return here

    async def dial(self, namespace: str, name: str, stream: str, *, preserve: bool) -> aiohttp.ClientWebSocketResponse:
        """The handler's end of a stream; `preserve`: not if it takes the stream from somebody. Raises CallFailed."""
        vmi = await self._objects.vmi(namespace, name)
        if failure := unreachable(vmi, stream):
            raise CallFailed(failure)
        try:
            return await self._dial(vmi, stream, {PRESERVE: "true"} if preserve else {})
        except CallFailed as failed:
            raise CallFailed(refused_by_handler(vmi, failed.failure)) from failed

    async def _dial(self, vmi: Json, stream: str, query: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
        """With some patience for a handler that restarts."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await self._handlers.dial(vmi, stream, query)
            except HandlerAway as away:
                LOG.info("no %s yet: %s", stream, away, extra=about(vmi))
                if asyncio.get_running_loop().time() + RETRY_SECONDS > deadline:
                    raise CallFailed(internal_error(str(away))) from away
            await asyncio.sleep(RETRY_SECONDS)


async def join(one: Socket, other: Socket) -> None:
    """Pass messages between two sockets, both ways, until one of them ends; then end the other."""
    try:
        await first_of(_pass_on(one, other), _pass_on(other, one))
    finally:
        await asyncio.gather(one.close(), other.close(), return_exceptions=True)


async def _pass_on(source: Socket, sink: Socket) -> None:
    try:
        async for message in source:
            if message.type is aiohttp.WSMsgType.BINARY:
                await sink.send_bytes(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await sink.send_bytes(message.data.encode())
    except (ConnectionError, aiohttp.ClientError) as error:
        LOG.debug("stream ended: %s", error)
