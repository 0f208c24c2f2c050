"""Port-forwards: a caller's WebSocket, and a connection from here to a port of the guest, TCP or UDP.

The guest is called before the caller is answered, so that a closed port is an ordinary HTTP answer. What is held
between the two is bounded: a chunk of a TCP stream, or a few datagrams (what comes when they are full is lost, as
it is elsewhere). A caller who does not take what the guest sends is dropped after a while, and so is one whose guest
takes nothing: as long as we wait for the guest nobody listens to the caller, who may have left.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Protocol

import aiohttp
from aiohttp import web

from virt_api.adapters import caller
from virt_api.adapters.objects import Objects
from virt_api.adapters.stream_metrics import StreamMeter
from virt_api.plan.status import VM, CallFailed
from virt_api.plan.tunnel import End, end_of, not_started, unanswered
from virt_runtime.keepalive import ask_in_silence
from virt_runtime.race import first_of

LOG = logging.getLogger(__name__)
DIAL_TIMEOUT = 10.0  # seconds
SLOW_SECONDS = 60.0  # that a caller may take to accept a message
STUCK_SECONDS = 600.0  # that a guest may take to accept a message
CHUNK = 1 << 18  # bytes of a TCP stream that are read at once
PLENTY = 96 << 10  # bytes, more than a burst of packets; after so many the next are read without delay
GATHER_SECONDS = 0.001  # from one reading of less to the next
HELD = 1 << 20  # bytes that the kernel may hold of what a guest sends: as much as comes meanwhile, and a bound
DATAGRAMS = 64  # that wait for a caller
STREAM = "portforward"


class Tunnel(Protocol):
    """A connection to a port of a guest."""

    async def read(self) -> bytes | None:
        """What came next; None at the end. Raises OSError."""

    async def write(self, data: bytes) -> None:
        """Raises OSError."""

    def close(self) -> None: ...


class Tunnels:
    def __init__(self, objects: Objects, meter: StreamMeter) -> None:
        self._objects, self._meter = objects, meter

    async def serve(self, request: web.Request, kind: str, namespace: str, name: str) -> web.StreamResponse:
        """Connect the request to the port in its path until either side ends it. Raises CallFailed before that."""
        here = caller.socket_of(request)
        if kind == VM and (failure := not_started(await self._objects.vm(namespace, name))):
            raise CallFailed(failure)
        vmi = await self._objects.vmi(namespace, name)
        there = await _dial(end_of(vmi, request.match_info["port"], request.match_info.get("protocol", "tcp")))
        try:
            await caller.answer(here, request)
            with self._meter.open(STREAM, namespace, name):
                await first_of(_to_guest(here, there), _to_caller(there, here))
        except (OSError, aiohttp.ClientError) as error:
            LOG.debug("port-forward ended: %s", error)
        finally:
            there.close()
        await here.close()
        return here


async def _to_guest(here: web.WebSocketResponse, there: Tunnel) -> None:
    async for message in here:
        async with asyncio.timeout(STUCK_SECONDS):
            if message.type is aiohttp.WSMsgType.BINARY:
                await there.write(message.data)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await there.write(message.data.encode())


async def _to_caller(there: Tunnel, here: web.WebSocketResponse) -> None:
    while (data := await there.read()) is not None:
        async with asyncio.timeout(SLOW_SECONDS):
            await here.send_bytes(data)


async def _dial(end: End) -> Tunnel:
    """Raises CallFailed."""
    try:
        async with asyncio.timeout(DIAL_TIMEOUT):
            return await _DIALS[end.protocol](end)
    except OSError as error:
        raise CallFailed(unanswered(end, error)) from error


class TcpTunnel:
    """The guest is read at intervals rather than packet by packet, unless there is plenty at once.

    A message costs the API server, the caller and us much the same whatever its length, and wakes each of them, on
    cores that the guest may need. Meanwhile the kernel holds what comes. What follows a silence is read at once.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket, self._loop = connected, asyncio.get_running_loop()
        self._next_read = 0.0

    @classmethod
    async def dial(cls, end: End) -> Tunnel:
        made = socket.socket(socket.AF_INET6 if ":" in end.host else socket.AF_INET)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, HELD)
            ask_in_silence(made)
            await asyncio.get_running_loop().sock_connect(made, (end.host, end.port))
        except BaseException:
            made.close()
            raise
        return cls(made)

    async def read(self) -> bytes | None:
        await asyncio.sleep(self._next_read - self._loop.time())
        data = await self._loop.sock_recv(self._socket, CHUNK)
        self._next_read = self._loop.time() + (GATHER_SECONDS if len(data) < PLENTY else 0.0)
        return data or None

    async def write(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._socket, data)

    def close(self) -> None:
        self._socket.close()


class _Udp(asyncio.DatagramProtocol):
    """A port that nobody listens on is an end too: the guest's kernel says so, once it was written to."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[bytes | OSError | None] = asyncio.Queue(DATAGRAMS)
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def dial(cls, end: End) -> Tunnel:
        loop = asyncio.get_running_loop()
        made = cls()
        made._transport, _ = await loop.create_datagram_endpoint(lambda: made, remote_addr=(end.host, end.port))
        return made

    def datagram_received(self, data: bytes, _address: object) -> None:
        self._take(data)

    def error_received(self, error: Exception) -> None:
        self._take(error if isinstance(error, OSError) else OSError(str(error)))

    def _take(self, item: bytes | OSError) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(item)

    async def read(self) -> bytes | None:
        item = await self._waiting.get()
        if isinstance(item, OSError):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        self._transport.sendto(data)

    def close(self) -> None:
        self._transport.close()


_DIALS = {"tcp": TcpTunnel.dial, "udp": _Udp.dial}
