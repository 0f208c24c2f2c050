"""A user attending a guest's console: keys go in, what the guest says comes out, until one of them has enough."""

from __future__ import annotations

import os
import sys

import click

from virt_runtime.access import Access
from virt_runtime.race import first_of
from virtctl.stream import Stream, opened
from virtctl.terminal import end_by_signal, raw_mode, show, typed


async def attend(access: Access, vmi: str, wait_seconds: float) -> None:
    """Until the escape key, the end of the pipe, or the end of the guest. Raises StreamFailed and Disconnected."""
    end_by_signal()
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/virtualmachineinstances/{vmi}/console"
    async with opened(access, path, wait_seconds) as stream:
        click.echo(f"Successfully connected to {vmi} console. Press Ctrl+] or Ctrl+5 to exit console.", err=True)
        descriptor = sys.stdin.fileno() if sys.stdin else os.open(os.devnull, os.O_RDONLY)
        with raw_mode(descriptor):
            await first_of(stream.copy_to(show), _send_typed(descriptor, stream))


async def _send_typed(descriptor: int, stream: Stream) -> None:
    async for keys in typed(descriptor):
        await stream.send(keys)
