"""`virtctl vnc VMI`: the guest's screen in a viewer on this machine; `virtctl vnc screenshot VMI`: a picture of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, require

_PROXY_ONLY = "Run only the proxy, and show the localhost port where VNC viewers can connect"
_PORT = "Run the proxy on this port; by default on one that is free"
_FILE = "Where to store the VNC screenshot in PNG format. Use '-' for stdout"
_MOVE_CURSOR = "Move the cursor to wake up the screen in case of screensavers"
_ROOT = "/apis/subresources.kubevirt.io/v1/namespaces/{}/virtualmachineinstances/{}/vnc"


@click.command(name="vnc", epilog="A picture of the screen: virtctl vnc screenshot (VMI) -f FILE")
@click.argument("vmi", metavar="(VMI)")
@click.option("--proxy-only", is_flag=True, help=_PROXY_ONLY)
@click.option("--address", default="127.0.0.1", show_default=True, metavar="TEXT", help="Where the proxy listens")
@click.option("--port", type=int, default=0, metavar="INT", help=_PORT)
@cluster_flags()
@click.pass_context
def viewer(context: click.Context, vmi: str, proxy_only: bool, address: str, port: int) -> None:
    """Open a vnc connection to a virtual machine instance."""
    import asyncio

    from virtctl.stream import StreamFailed
    from virtctl.viewer import NoViewer, look

    access = access_of(context)
    path = _ROOT.format(access.namespace, vmi)
    try:
        asyncio.run(look(access, path, address, port, proxy_only=proxy_only))
    except KeyboardInterrupt:
        return
    except StreamFailed as error:
        raise CommandFailed(f"Can't access VMI {vmi}: {error}") from error
    except NoViewer as error:
        raise CommandFailed(f"Error encountered: {error}") from error
    except OSError as error:
        raise CommandFailed(f"Can't listen on {address}:{port}: {error.strerror or error}") from error


@click.command(short_help="Create a VNC screenshot of a virtual machine instance.")
@click.argument("vmi", metavar="(VMI)")
@click.option("--file", "-f", default="", help=_FILE)
@click.option("--move-cursor", "-m", is_flag=True, help=_MOVE_CURSOR)
@cluster_flags()
@click.pass_context
def screenshot(context: click.Context, vmi: str, file: str, move_cursor: bool) -> None:
    """Create a VNC screenshot of a virtual machine instance."""
    from virt_runtime.errors import ApiError

    require(context, "file")
    access = access_of(context)
    path, query = f"{_ROOT.format(access.namespace, vmi)}/screenshot", {"moveCursor": str(move_cursor).lower()}
    try:
        data: bytes = with_client(access, lambda kube: kube.raw("GET", path, query=query))
    except ApiError as error:
        raise CommandFailed(f"Can't access VMI {vmi}: {error.message}") from error
    if file == "-":
        sys.stdout.buffer.write(data)
        return
    try:
        Path(file).write_bytes(data)
    except OSError as error:
        raise CommandFailed(f"Can't write image to a file: {error.strerror}") from error


class _Vnc(click.Group):
    """A group of one that is a command too: the word behind it is a VMI's name, unless it is `screenshot`."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> click.Context:
        if args[:1] == [screenshot.name]:
            return super().make_context(info_name, args, parent=parent, **extra)
        return viewer.make_context(info_name, args, parent=parent, **extra)

    def get_help(self, ctx: click.Context) -> str:
        return viewer.get_help(click.Context(viewer, info_name=ctx.info_name, parent=ctx.parent))


_HELP = "Open a vnc connection to a virtual machine instance."
vnc = _Vnc(name="vnc", short_help=_HELP, commands={"screenshot": screenshot, "": viewer})
