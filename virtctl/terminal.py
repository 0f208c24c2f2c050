"""The user's side of a console: a terminal in raw mode, or a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator

ESCAPE = 29  # Ctrl+], and Ctrl+5 on most terminals
_CHUNK = 1 << 15  # bytes


@contextlib.contextmanager
def raw_mode(descriptor: int) -> Iterator[None]:
    """Keys reach the guest as they are pressed, Ctrl+C included; a pipe is left as it is."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


async def typed(descriptor: int) -> AsyncIterator[bytes]:
    """What is typed, until the escape key or the end of the pipe."""
    async for chunk in chunks(descriptor):
        before, escape, _ = chunk.partition(bytes([ESCAPE]))
        if before:
            yield before
        if escape:
            return


async def chunks(descriptor: int) -> AsyncIterator[bytes]:
    """What comes in, as it is, until the end of the pipe."""
    while chunk := await _read(descriptor):
        yield chunk


async def _read(descriptor: int) -> bytes:
    """The next bytes; a reader rather than a thread, so that nothing is left waiting at the end."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _settle, ready)
    except PermissionError:  # a plain file is always ready
        return os.read(descriptor, _CHUNK)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _CHUNK)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def show(data: bytes) -> None:
    """Print what the guest said, as it is and at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def end_by_signal() -> None:
    """SIGTERM and SIGHUP end the present task like a failure would: the terminal is given back."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
