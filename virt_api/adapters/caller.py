"""The caller's end of a stream: a WebSocket that is answered once there is something to connect it to."""

from __future__ import annotations

from aiohttp import web

from virt_api.adapters.handlers import FAREWELL_TIMEOUT, LONGEST_MESSAGE
from virt_api.plan.status import CallFailed, bad_request
from virt_api.plan.stream import SUBPROTOCOL
from virt_runtime.keepalive import notice_dead_peer


def socket_of(request: web.Request) -> web.WebSocketResponse:
    """Not answered yet. Raises CallFailed where the request is none for a WebSocket."""
    socket = web.WebSocketResponse(
        protocols=(SUBPROTOCOL,), max_msg_size=LONGEST_MESSAGE, compress=False, timeout=FAREWELL_TIMEOUT
    )
    if not socket.can_prepare(request).ok:
        raise CallFailed(bad_request("this is a stream: connect with a WebSocket"))
    return socket


async def answer(socket: web.WebSocketResponse, request: web.Request) -> None:
    """The upgrade: from here on a failure is the end of the stream, not an HTTP answer."""
    await socket.prepare(request)
    notice_dead_peer(request.transport)
