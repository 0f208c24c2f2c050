"""A guest's console, carried from the caller's WebSocket to the one of the handler on the guest's node and back.

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

from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.plan.console import (
    SUBPROTOCOL,
    handler_address,
    handler_server_name,
    handler_url,
    refused_by_handler,
    unreachable,
)
from virt_api.plan.reading import text
from virt_api.plan.status import VMI, CallFailed, bad_request, internal_error, not_found
from virt_model import labels
from virt_runtime.errors import NotFound
from virt_runtime.keepalive import notice_dead_peer
from virt_runtime.kube import KubeClient
from virt_runtime.log import about
from virt_runtime.resources import PODS, VIRTUAL_MACHINE_INSTANCES, Json
from virt_runtime.tls import ClientContexts

LOG = logging.getLogger(__name__)
LONGEST_MESSAGE = 1 << 20  # bytes
DIAL_TIMEOUT = 10.0  # seconds
PATIENCE = 8.0  # seconds that a handler may take to come back
RETRY_SECONDS = 0.5
FAREWELL_TIMEOUT = 2.0  # seconds that a side which was told goodbye may take to say it back
_HANDLER = "virt-handler"
VMI_KIND = "VirtualMachineInstance"

Socket = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


class _HandlerAway(Exception):
    """The handler of a node cannot be reached now; it may just be starting anew."""


class Streams:
    """`tls` is what handlers know us by; `namespace` is where they run; `port` is where they listen."""

    def __init__(
        self,
        kube: KubeClient,
        session: aiohttp.ClientSession,
        tls: ClientContexts,
        meter: StreamMeter,
        namespace: str,
        port: int,
    ) -> None:
        self._kube, self._session, self._tls, self._meter = kube, session, tls, meter
        self._namespace, self._port = namespace, port

    async def serve(self, request: web.Request, namespace: str, name: str, stream: str) -> web.StreamResponse:
        """Connect the request to a VMI's stream until either side ends it. Raises CallFailed before that."""
        caller = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), max_msg_size=LONGEST_MESSAGE, compress=False, timeout=FAREWELL_TIMEOUT
        )
        if not caller.can_prepare(request).ok:
            raise CallFailed(bad_request("this is a stream: connect with a WebSocket"))
        vmi = await self._vmi(namespace, name)
        try:
            handler = await self._dial(text(vmi, "status", "nodeName"), namespace, name, stream)
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

    async def _vmi(self, namespace: str, name: str) -> Json:
        try:
            vmi = await self._kube.get(VIRTUAL_MACHINE_INSTANCES, namespace, name)
        except NotFound:
            raise CallFailed(not_found(VMI, name)) from None
        if failure := unreachable(vmi):
            raise CallFailed(failure)
        return vmi

    async def _dial(self, node: str, namespace: str, name: str, stream: str) -> aiohttp.ClientWebSocketResponse:
        """The handler's end, with some patience for one that restarts."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await self._dial_once(node, namespace, name, stream)
            except _HandlerAway as away:
                LOG.info("no %s yet: %s", stream, away, extra=about(kind=VMI_KIND, namespace=namespace, name=name))
                if asyncio.get_running_loop().time() + RETRY_SECONDS > deadline:
                    raise CallFailed(internal_error(str(away))) from away
            await asyncio.sleep(RETRY_SECONDS)

    async def _dial_once(self, node: str, namespace: str, name: str, stream: str) -> aiohttp.ClientWebSocketResponse:
        pods = await self._kube.list(
            PODS, self._namespace, f"{labels.ROLE}={_HANDLER}", field_selector=f"spec.nodeName={node}"
        )
        address = handler_address(pods)
        if address is None:
            raise _HandlerAway(f"no virt-handler is ready on node {node}")
        url = handler_url(address, self._port, namespace, name, stream)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT):
                return await self._session.ws_connect(
                    url,
                    protocols=(SUBPROTOCOL,),
                    ssl=self._tls.context(),
                    server_hostname=handler_server_name(node, self._namespace),
                    max_msg_size=LONGEST_MESSAGE,
                    timeout=aiohttp.ClientWSTimeout(ws_close=FAREWELL_TIMEOUT),
                )
        except aiohttp.WSServerHandshakeError as error:
            vmi = about(kind=VMI_KIND, namespace=namespace, name=name)
            LOG.info("virt-handler refuses %s: %s", url, error.status, extra=vmi)
            why = f"Can't connect to websocket ({error.status}): websocket: bad handshake"
            raise CallFailed(internal_error(why)) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _HandlerAway(f"cannot reach virt-handler on node {node}: {error}") from error


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
