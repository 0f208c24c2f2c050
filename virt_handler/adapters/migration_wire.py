"""What is joined by a migration's relay: a connection in a pod with one to the other agent, over TLS or plain.

Over TLS the bytes pass through this process. Plain ones are led from socket to socket by the kernel (splice), from two
threads of their own for each connection: what they cost is the kernel's copying.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Final

from virt_runtime.race import first_of

CHUNK: Final = 1 << 18
"""Bytes that are taken at once. Twice as many may wait in this process, for each connection."""
SILENT_SECONDS: Final = 20
"""So long may the other agent's kernel say nothing. Longer than a switch needs to find another way."""
_ASK_SECONDS: Final = 2
"""So often it is asked meanwhile: where the way is good again after a while, that is noticed in time."""
_TCP_RTO_MAX_MS: Final = 44
"""Linux 6.15 and later; Python has no name for it."""
FAREWELL_SECONDS: Final = 10.0
_WAITING_HERE: Final = 1 << 18
"""Bytes in the kernel of a connection with a pod, each way."""
_WAITING_BETWEEN: Final = 1 << 20
"""The same of one with the other agent. It bounds the rate to a far node: 100 MB/s for 10 ms there and back."""
_UNSENT: Final = 1 << 17
"""Of those, bytes that have not been sent."""
_SO_RCVBUFFORCE: Final = 33
"""Whatever net.core.rmem_max is, which is often 208 KiB; Python has no name for it."""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Wire = Streams | socket.socket
"""A connection: over TLS, or plain."""


def notice_silence(connection: socket.socket) -> None:
    """End the connection with ETIMEDOUT when the other side does not answer, whether or not there is data to send.

    The kernel doubles the time between two attempts to send the same data: after 12.6 s it makes none until the 20 s
    are over, unless it knows how to wait no longer than told.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, _ASK_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, SILENT_SECONDS // _ASK_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * SILENT_SECONDS)
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, _TCP_RTO_MAX_MS, 1000 * _ASK_SECONDS)


def hold_little_here(connection: socket.socket) -> None:
    """Few bytes may wait between this agent and a pod. Set on a listener it holds for what comes.

    The kernel would let tens of MB wait on the way, and all of it must arrive after the guest has stopped, before it
    runs again: QEMU counts as sent what it could write.
    """
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        connection.setsockopt(socket.SOL_SOCKET, option, _WAITING_HERE)


def hold_little_between(connection: socket.socket) -> None:
    """The same between two agents, where what is on a long way does not count as waiting, up to a size."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _WAITING_BETWEEN)
    except PermissionError:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _WAITING_BETWEEN)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)


def hang_up(wire: Wire) -> None:
    """End a connection that was joined with none."""
    if isinstance(wire, socket.socket):
        wire.close()
    else:
        wire[1].close()


async def carry(here: Wire, there: Wire) -> None:
    """Join them until they end, and close both; what is on its way when one ends still arrives. Raises OSError."""
    if isinstance(here, socket.socket) and isinstance(there, socket.socket):
        await _spliced(here, there)
    else:
        await _pumped(await _streams(here), await _streams(there))


async def _streams(wire: Wire) -> Streams:
    return await asyncio.open_connection(sock=wire, limit=CHUNK) if isinstance(wire, socket.socket) else wire


async def _pumped(here: Streams, there: Streams) -> None:
    try:
        await first_of(_pump(here[0], there[1]), _pump(there[0], here[1]))
    finally:
        for _, writer in (here, there):
            writer.close()
        for _, writer in (here, there):
            with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()


async def _spliced(here: socket.socket, there: socket.socket) -> None:
    for each in (here, there):
        each.setblocking(True)
    ways = [_in_a_thread(lambda: _lead(here, there)), _in_a_thread(lambda: _lead(there, here))]
    try:
        ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for each in (here, there):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # wakes both threads
        await asyncio.wait(ways)
        for each in (here, there):
            each.close()
        errors = {way: way.exception() for way in ways}
    for way in ended:
        if error := errors[way]:
            raise error


def _lead(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends, which the target is told. Raises OSError."""
    out, into = os.pipe()
    try:
        with contextlib.suppress(OSError):  # a smaller one does, too
            fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, CHUNK)
        while count := os.splice(source.fileno(), into, CHUNK):
            while count:
                count -= os.splice(out, target.fileno(), count)
        target.shutdown(socket.SHUT_WR)
    finally:
        os.close(out)
        os.close(into)


def _in_a_thread(work: Callable[[], None]) -> asyncio.Future[None]:
    """Done when `work()` has returned or raised, on a thread of its own: the loop's few must stay free for others."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: OSError | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def thread() -> None:
        try:
            work()
        except OSError as error:
            loop.call_soon_threadsafe(settle, error)
        else:
            loop.call_soon_threadsafe(settle, None)

    threading.Thread(target=thread, name="migration-way", daemon=True).start()
    return done
