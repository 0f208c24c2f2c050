"""The caller's end of a stream: a WebSocket to the API server through podvirt, a TCP connection through a raw proxy."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from virt_runtime.access import Access
from virtctl.stream import Stream, opened

CHUNK = 1 << 18  # bytes


class End(Protocol):
    async def read(self) -> bytes:
        """What came next; empty at the end."""

    async def write(self, data: bytes) -> None: ...


class _Web:
    def __init__(self, stream: Stream) -> None:
        self.write = stream.send
        self._received = stream.received()

    async def read(self) -> bytes:
        return await anext(self._received, b"")


class _Plain:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


@contextlib.asynccontextmanager
async def web(access: Access, path: str) -> AsyncIterator[End]:
    """`path` of a subresource. Raises StreamFailed."""
    async with opened(access, path) as stream:
        yield _Web(stream)


@contextlib.asynccontextmanager
async def plain(port: int) -> AsyncIterator[End]:
    """A port of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=CHUNK)
    try:
        yield _Plain(reader, writer)
    finally:
        writer.close()


@contextlib.asynccontextmanager
async def local(path: str) -> AsyncIterator[End]:
    """A Unix socket of this machine."""
    reader, writer = await asyncio.open_unix_connection(path, limit=CHUNK)
    try:
        yield _Plain(reader, writer)
    finally:
        writer.close()


class Heard:
    """Exact numbers of bytes from an end that gives what came. Every method raises EOFError at its end."""

    def __init__(self, end: End) -> None:
        self._end, self._held = end, bytearray()

    async def take(self, count: int) -> bytes:
        while len(self._held) < count:
            await self._more()
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    async def until(self, words: bytes) -> None:
        """All that comes up to these, and these."""
        while words not in self._held:
            await self._more()
        del self._held[: self._held.index(words) + len(words)]

    async def _more(self) -> None:
        data = await self._end.read()
        if not data:
            raise EOFError
        self._held += data
