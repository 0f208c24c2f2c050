"""A guest's screen for one viewer on this machine: a local port, and whoever connects to it first.

A client for USB devices is served in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator

import click

from virt_runtime.access import Access
from virt_runtime.race import first_of
from virtctl.stream import Disconnected, Stream, opened

WAIT = 60.0  # seconds for the viewer to connect
CHUNK = 1 << 16  # bytes
VIEWERS = (("remote-viewer", "vnc://{}:{}"), ("vncviewer", "{}:{}"))


class NoViewer(Exception):
    """There is no viewer, or it did not come; the message is for the user."""


async def look(access: Access, path: str, address: str, port: int, *, proxy_only: bool) -> None:
    """Until the viewer, or the guest, has enough. Raises StreamFailed, NoViewer, and OSError for the local port."""
    async with opened(access, path) as stream, first_connection(address, port) as (local, connection):
        if proxy_only:
            click.echo(json.dumps({"port": local}, separators=(",", ":")))
            await _show(stream, *await connection)
            return
        viewer = await _start(address, local)
        try:
            await first_of(serve(stream, connection), _end_of(viewer))
        finally:
            end(viewer)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def first_connection(address: str, port: int) -> AsyncIterator[tuple[int, asyncio.Future[Connection]]]:
    """The port (a free one for 0), and who connects to it; later ones are turned away."""
    came: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if came.done():
            writer.close()
        else:
            came.set_result((reader, writer))

    server = await asyncio.start_server(connected, address, port, limit=CHUNK)
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        if came.done() and not came.cancelled():
            came.result()[1].close()


async def serve(stream: Stream, connection: asyncio.Future[Connection]) -> None:
    """Carry bytes both ways for who connects, until one side ends. Raises NoViewer."""
    try:
        async with asyncio.timeout(WAIT):
            viewer = await connection
    except TimeoutError:
        raise NoViewer("the viewer did not connect") from None
    await _show(stream, *viewer)


async def _show(stream: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async def see() -> None:
        async for data in stream.received():
            writer.write(data)
            await writer.drain()

    async def touch() -> None:
        while data := await reader.read(CHUNK):
            await stream.send(data)

    try:
        await first_of(see(), touch())
    except (Disconnected, ConnectionError) as error:
        raise NoViewer(str(error)) from error


async def _start(address: str, port: int) -> asyncio.subprocess.Process:
    for program, target in VIEWERS:
        if found := shutil.which(program):
            quiet = asyncio.subprocess.DEVNULL
            return await asyncio.create_subprocess_exec(
                found, target.format(address, port), stdin=quiet, stdout=quiet, stderr=quiet
            )
    names = " or ".join(program for program, _ in VIEWERS)
    raise NoViewer(f"could not find {names} binary in $PATH")


def end(process: asyncio.subprocess.Process) -> None:
    """If it has not ended yet. Not by `terminate`, which takes the end of the process from whoever waits for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)


async def _end_of(viewer: asyncio.subprocess.Process) -> None:
    if code := await viewer.wait():
        raise NoViewer(f"{VIEWERS[0][0]} or {VIEWERS[1][0]} ended with code {code}")
