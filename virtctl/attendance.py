"""A user attending a guest's console: keys go in, what the guest says comes out, until one of them has enough."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

from virt_runtime.access import Access
from virtctl.stream import Stream, opened
from virtctl.terminal import raw_mode, show, typed


async def attend(access: Access, vmi: str, wait_seconds: float) -> None:
    """Until the escape key, the end of the pipe, or the end of the guest. Raises StreamFailed and Disconnected."""
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/virtualmachineinstances/{vmi}/console"
    async with opened(access, path, wait_seconds) as stream:
        click.echo(f"Successfully connected to {vmi} console. Press Ctrl+] or Ctrl+5 to exit console.", err=True)
        descriptor = sys.stdin.fileno()
        with raw_mode(descriptor):
            await _first_of(stream.copy_to(show), _send_typed(descriptor, stream))


async def _send_typed(descriptor: int, stream: Stream) -> None:
    async for keys in typed(descriptor):
        await stream.send(keys)


async def _first_of(*ways: Coroutine[Any, Any, None]) -> None:
    """Until one of the ways ends; what it raised is raised."""
    tasks = [asyncio.ensure_future(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
