"""Connections from here to ports of a guest: one WebSocket for each local connection, or for each sender of datagrams.

A TCP connection that was ended on this side is kept while the guest still sends: its answer may be on the way.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import click

from virt_runtime.access import Access
from virt_runtime.race import first_of
from virtctl.plan.ports import Forward
from virtctl.stream import Disconnected, Stream, StreamFailed, opened
from virtctl.terminal import chunks, end_by_signal, show

CHUNK = 1 << 16  # bytes
LINGER = 5.0  # seconds of silence, after which a guest has nothing more to say to who has left
IDLE = 60.0  # seconds without a datagram, after which a sender is forgotten
SENDERS = 256  # of datagrams, at once
WAITING = 64  # datagrams of one sender
Sender = tuple[Any, ...]
_PATH = "/apis/subresources.kubevirt.io/v1/namespaces/{}/{}/{}/portforward/{}/{}"
_PLURALS = {"vm": "virtualmachines", "vmi": "virtualmachineinstances"}


@dataclass(frozen=True)
class End:
    """The machine at the other end. `kind` is vm or vmi."""

    access: Access
    kind: str
    namespace: str
    name: str

    def open(self, port: Forward) -> contextlib.AbstractAsyncContextManager[Stream]:
        """A stream to a port of it. Raises StreamFailed."""
        path = _PATH.format(self.namespace, _PLURALS[self.kind], self.name, port.remote, port.protocol)
        return opened(self.access, path)

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}.{self.namespace}"


async def through_stdio(end: End, port: Forward) -> None:
    """Until either side ends. Raises StreamFailed and Disconnected."""
    end_by_signal()
    async with end.open(port) as stream:
        await _both_ways(stream, chunks(sys.stdin.fileno()), show)


async def serve(end: End, address: str, ports: list[Forward]) -> None:
    """Until cancelled. Raises OSError where a local port cannot be had."""
    end_by_signal()
    async with contextlib.AsyncExitStack() as stack:
        for port in ports:
            listen = _listen_udp if port.protocol == "udp" else _listen_tcp
            local = await stack.enter_async_context(listen(end, address, port))
            click.echo(f"forwarding {port.protocol} {address}:{local} to {port.remote}", err=True)
        await asyncio.Event().wait()


async def _both_ways(
    stream: Stream, said: AsyncIterator[bytes], hear: Callable[[bytes], Awaitable[None] | None]
) -> None:
    """Pass on what is said until one side ends; then what the guest still answers."""
    heard = asyncio.Event()

    async def listen() -> None:
        async for data in stream.received():
            heard.set()
            waiting = hear(data)
            if waiting is not None:
                await waiting

    async def speak() -> None:
        async for data in said:
            await stream.send(data)
        with contextlib.suppress(TimeoutError):
            while True:
                heard.clear()
                async with asyncio.timeout(LINGER):
                    await heard.wait()

    await first_of(listen(), speak())


# --- TCP


@contextlib.asynccontextmanager
async def _listen_tcp(end: End, address: str, port: Forward) -> AsyncIterator[int]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def hear(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        try:
            async with end.open(port) as stream:
                await _both_ways(stream, _read(reader), hear)
        except StreamFailed as error:
            click.echo(f"can't access {end}: {error}", err=True)
        except (Disconnected, OSError, aiohttp.ClientError) as error:
            click.echo(f"error handling connection for {port.local}: {error}", err=True)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, address, port.local, limit=CHUNK)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _read(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(CHUNK):
        yield data


# --- UDP


@contextlib.asynccontextmanager
async def _listen_udp(end: End, address: str, port: Forward) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, senders = await loop.create_datagram_endpoint(lambda: _Senders(end, port), (address, port.local))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
        await senders.close()


@dataclass
class _Senders(asyncio.DatagramProtocol):
    """Who sends to a local port: each has a stream of its own, so that answers find their way back."""

    end: End
    port: Forward
    _tasks: dict[Sender, asyncio.Task[None]] = field(default_factory=dict)
    _said: dict[Sender, asyncio.Queue[bytes]] = field(default_factory=dict)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, address: Sender) -> None:
        if address not in self._said:
            if len(self._said) >= SENDERS:
                return
            self._said[address] = asyncio.Queue(WAITING)
            self._tasks[address] = asyncio.ensure_future(self._serve(address))
        with contextlib.suppress(asyncio.QueueFull):
            self._said[address].put_nowait(data)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, address: Sender) -> None:
        try:
            async with self.end.open(self.port) as stream:
                await _both_ways(stream, self._read(address), lambda data: self._transport.sendto(data, address))
        except StreamFailed as error:
            click.echo(f"can't access {self.end}: {error}", err=True)
        except (Disconnected, OSError, aiohttp.ClientError) as error:
            click.echo(f"closing client: {error}", err=True)
        finally:
            del self._said[address], self._tasks[address]

    async def _read(self, address: Sender) -> AsyncIterator[bytes]:
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(IDLE):
                    data = await self._said[address].get()
                yield data
