"""`virtctl usbredir DEVICE VMI`: a USB device of this machine, plugged into a guest for as long as the command runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from virtctl.cluster import access_of
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

if TYPE_CHECKING:
    from virt_runtime.access import Access

CLIENT = "usbredirect"
_PATH = "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/usbredir"
_HERE = "127.0.0.1"


@click.command(short_help="Redirect an USB device to a virtual machine instance.")
@click.argument("device", metavar="(vendor:product)|(bus-device)")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def usbredir(context: click.Context, device: str, vmi: str) -> None:
    """Plug a USB device of this machine into a virtual machine instance.

    Name it as `lsusb` does: 0951:1666, or 02-03. The program usbredirect, which must be on the PATH, reads it;
    Ctrl+C unplugs it.
    """
    import asyncio
    import shutil

    from virtctl.stream import StreamFailed
    from virtctl.viewer import NoViewer

    program = shutil.which(CLIENT)
    if program is None:
        missing = f'exec: "{CLIENT}": executable file not found in $PATH'
        raise CommandFailed(f"Error on finding {CLIENT} in $PATH: {missing}")
    access = access_of(context)
    try:
        asyncio.run(_redirect(access, _PATH.format(access.namespace, vmi), program, device))
    except KeyboardInterrupt:
        return
    except StreamFailed as error:
        raise CommandFailed(f"Can't access VMI {vmi}: {error}") from error
    except (NoViewer, OSError) as error:
        raise CommandFailed(f"Error encountered: {error}") from error


async def _redirect(access: Access, path: str, program: str, device: str) -> None:
    """Until the program, or the guest, has enough. Raises StreamFailed, NoViewer and OSError."""
    import asyncio

    from virt_runtime.race import first_of
    from virtctl.stream import opened
    from virtctl.viewer import NoViewer, end, first_connection, serve

    async def ended() -> None:
        if code := await process.wait():
            raise NoViewer(f"exit status {code}")

    async with opened(access, path) as stream, first_connection(_HERE, 0) as (port, connection):
        words = ("--device", device, "--to", f"{_HERE}:{port}")
        process = await asyncio.create_subprocess_exec(program, *words, stdout=asyncio.subprocess.DEVNULL)
        try:
            await first_of(serve(stream, connection), ended())
        finally:
            end(process)
