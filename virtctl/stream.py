"""A WebSocket to a VMI's stream, through the API server: dialled until the guest runs, then both ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp

from virt_runtime.access import Access

SUBPROTOCOL = "plain.kubevirt.io"
RETRY_SECONDS = 1.0
_LONGEST_MESSAGE = 1 << 22
_NOT_YET = 400  # the guest does not run yet


class StreamFailed(Exception):
    """The stream could not be had; the message is for the user."""


class Disconnected(Exception):
    """The stream ended without a farewell."""


@dataclass(frozen=True)
class Stream:
    """An open stream."""

    socket: aiohttp.ClientWebSocketResponse

    async def send(self, data: bytes) -> None:
        await self.socket.send_bytes(data)

    async def copy_to(self, show: Callable[[bytes], None]) -> None:
        """Until the other side closes. Raises Disconnected where it just went away."""
        async for data in self.received():
            show(data)

    async def received(self) -> AsyncIterator[bytes]:
        """What the other side says, until it closes. Raises Disconnected where it just went away."""
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                yield message.data
            elif message.type is aiohttp.WSMsgType.TEXT:
                yield message.data.encode()
        if self.socket.close_code in (None, aiohttp.WSCloseCode.ABNORMAL_CLOSURE):
            raise Disconnected("websocket: close 1006 (abnormal closure): unexpected EOF")


@contextlib.asynccontextmanager
async def opened(access: Access, path: str, wait_seconds: float | None = None) -> AsyncIterator[Stream]:
    """A stream at a path of the API; with a number of seconds, as soon as there is one. Raises StreamFailed."""
    connector = aiohttp.TCPConnector(ssl=access.tls or False)
    async with aiohttp.ClientSession(connector=connector) as session:
        socket = await _dial_until(session, access, path, wait_seconds)
        try:
            yield Stream(socket)
        finally:
            await socket.close()


async def _dial_until(
    session: aiohttp.ClientSession, access: Access, path: str, wait_seconds: float | None
) -> aiohttp.ClientWebSocketResponse:
    deadline = asyncio.get_running_loop().time() + (wait_seconds or 0.0)
    while True:
        try:
            return await _dial(session, access, path)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != _NOT_YET or wait_seconds is None:
                raise StreamFailed(_told(error.status)) from error
            if asyncio.get_running_loop().time() + RETRY_SECONDS > deadline:
                raise StreamFailed("Timeout trying to connect to the virtual machine instance") from error
        except (aiohttp.ClientError, OSError) as error:
            raise StreamFailed(f"Can't connect to {access.server}: {error}") from error
        await asyncio.sleep(RETRY_SECONDS)


async def _dial(session: aiohttp.ClientSession, access: Access, path: str) -> aiohttp.ClientWebSocketResponse:
    token = access.token()
    headers = [*access.headers, *([("Authorization", f"Bearer {token}")] if token else [])]
    return await session.ws_connect(
        access.server + path,
        protocols=(SUBPROTOCOL,),
        headers=headers,
        server_hostname=access.server_name,
        max_msg_size=_LONGEST_MESSAGE,
    )


def _told(status: int) -> str:
    if status == 404:
        return "Virtual Machine not found."
    if status == 500:
        return "Websocket failed due to internal server error."
    return f"Websocket failed with http status: {status} {_phrase(status)}"


def _phrase(status: int) -> str:
    from http import HTTPStatus

    with contextlib.suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""
