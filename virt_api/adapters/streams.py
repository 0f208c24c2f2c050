"""A guest's stream (console, screen), from the caller's WebSocket to the one of its node's handler and back.

The handler is called before the caller is answered, so that a refusal is still an ordinary HTTP answer. Between the
two, messages are passed on one by one: the next is read when the one before has left, so a slow reader on one side
slows the writer on the other, and what is held is at most one message and the sockets' own buffers. Nobody is pinged,
for the same reason: who does not read does not answer either, and may stay so for as long as they like.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from aiohttp import web

from virt_api.adapters.handlers import FAREWELL_TIMEOUT, LONGEST_MESSAGE, HandlerAway, Handlers
from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.plan.status import VMI, CallFailed, bad_request, internal_error, not_found
from virt_api.plan.stream import SUBPROTOCOL, refused_by_handler, unreachable
from virt_runtime.errors import NotFound
from virt_runtime.keepalive import notice_dead_peer
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES, Json

LOG = logging.getLogger(__name__)
PATIENCE = 8.0  # seconds that a handler may take to come back
RETRY_SECONDS = 0.5
PRESERVE = "preserveSession"  # in the query: rather be refused than take a session over

Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class Streams:
    def __init__(self, kube: KubeClient, handlers: Handlers, meter: StreamMeter) -> None:
        self._kube, self._handlers, self._meter = kube, handlers, meter

    async def serve(self, request: web.Request, namespace: str, name: str, stream: str) -> web.StreamResponse:
        """Connect the request to a VMI's stream until either side ends it. Raises CallFailed before that."""
        caller = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=LONGEST_MESSAGE, compress=False, timeout=FAREWELL_TIMEOUT
        )
        if not caller.can_prepare(request).ok:
            raise CallFailed(bad_request("this is a stream: connect with a WebSocket"))
        vmi = await self._vmi(namespace, name, stream)
        query = {PRESERVE: "true"} if request.query.get(PRESERVE) == "true" else {}
        try:
            handler = await self._dial(vmi, stream, query)
        except CallFailed as failed:
            raise CallFailed(refused_by_handler(vmi, failed.failure)) from failed
        try:
            await caller.prepare(request)
            notice_dead_peer(request.transport)
            notice_dead_peer(handler)
            with self._meter.open(stream, namespace, name):
                await join(caller, handler)
        finally:
            await handler.close()
        return caller

    async def _vmi(self, namespace: str, name: str, stream: str) -> Json:
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
        except NotFound:
            raise CallFailed(not_found(VMI, name)) from None
        if failure := unreachable(vmi, stream):
            raise CallFailed(failure)
        return vmi

    async def _dial(self, vmi: Json, stream: str, query: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
        """The handler's end, with some patience for one that restarts."""
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
    ways = [asyncio.ensure_future(_pass_on(one, other)), asyncio.ensure_future(_pass_on(other, one))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
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
