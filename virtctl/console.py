"""`virtctl console VMI`: the guest's serial console in this terminal, or through a pipe."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import click

from virtctl.cluster import access_of
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

_TIMEOUT = "The number of minutes to wait for the virtual machine instance to be ready."
_GONE = """
You were disconnected from the console. This could be caused by one of the following:
 - the target VM was powered off
 - another user connected to the console of the target VM
 - network issues"""


@click.command(short_help="Connect to a console of a virtual machine instance.")
@click.argument("vmi", metavar="(VMI)")
@click.option("--timeout", type=int, default=5, show_default=True, metavar="INT", help=_TIMEOUT)
@cluster_flags()
@click.pass_context
def console(context: click.Context, vmi: str, timeout: int) -> None:
    """Connect to a console of a virtual machine instance."""
    from virt_runtime.access import Access
    from virtctl.stream import Disconnected, StreamFailed, opened
    from virtctl.terminal import raw_mode, show, typed

    async def run(access: Access) -> None:
        path = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/virtualmachineinstances/{vmi}/console"
        async with opened(access, path, timeout * 60.0) as stream:
            hint = f"Successfully connected to {vmi} console. Press Ctrl+] or Ctrl+5 to exit console."
            click.echo(hint, err=True)
            descriptor = sys.stdin.fileno()

            async def send_typed() -> None:
                async for keys in typed(descriptor):
                    await stream.send(keys)

            with raw_mode(descriptor):
                await _first_of(stream.copy_to(show), send_typed())

    try:
        asyncio.run(run(access_of(context)))
    except KeyboardInterrupt:
        click.echo()
    except StreamFailed as error:
        raise CommandFailed(str(error)) from error
    except (Disconnected, ConnectionError) as error:
        click.echo(_GONE, err=True)
        raise CommandFailed(str(error)) from error


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
