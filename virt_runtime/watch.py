"""One watch request: newline-separated JSON events read from a long answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import aiohttp
import msgspec

from .errors import from_status
from .keepalive import notice_dead_peer
from .resources import Json
from .transport import Transport

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
LONGEST_EVENT = 32 * 1024 * 1024


class WatchEvent(msgspec.Struct, frozen=True):
    """`object` is whole for ADDED, MODIFIED and DELETED (its last state); a BOOKMARK has only a resourceVersion."""

    type: EventType
    object: Json


class _AnyEvent(msgspec.Struct):
    type: str
    object: Json


async def stream(
    transport: Transport, path: str, query: dict[str, str], timeout_seconds: int, accept: str = "application/json"
) -> AsyncIterator[WatchEvent]:
    """Ends when the server closes; raises `ApiError` (`Gone` when the version is too old)."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=timeout_seconds + 30)
    decoder = msgspec.json.Decoder(_AnyEvent)
    try:
        async with transport.send("GET", path, query=query, timeout=timeout, accept=accept) as answer:
            if answer.status >= 400:
                content = await answer.read()
                raise from_status(answer.status, _object_or_empty(content), content.decode(errors="replace"))
            notice_dead_peer(answer.connection.transport if answer.connection else None)
            async for line in _lines(answer.content):
                event = decoder.decode(line)
                if event.type == "ERROR":
                    raise from_status(int(event.object.get("code") or 500), event.object)
                yield WatchEvent(event.type, event.object)  # type: ignore[arg-type]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise transport.unreachable(error) from error


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length up to LONGEST_EVENT (aiohttp's own line reader stops at its buffer size)."""
    rest = bytearray()
    async for chunk in content.iter_any():
        rest += chunk
        if b"\n" in chunk:
            *whole, tail = bytes(rest).split(b"\n")
            rest = bytearray(tail)
            for line in whole:
                if line:
                    yield line
        elif len(rest) > LONGEST_EVENT:
            raise aiohttp.ClientPayloadError(f"a watch event of more than {LONGEST_EVENT} bytes")


def _object_or_empty(content: bytes) -> Json:
    try:
        return msgspec.json.decode(content, type=Json)
    except msgspec.DecodeError:
        return {}
