"""`virtctl console VMI`: the guest's serial console in this terminal, or through a pipe."""

from __future__ import annotations

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
    import asyncio

    from virtctl.attendance import attend
    from virtctl.stream import Disconnected, StreamFailed

    try:
        asyncio.run(attend(access_of(context), vmi, timeout * 60.0))
    except KeyboardInterrupt:
        click.echo()
    except asyncio.CancelledError as error:
        raise CommandFailed("terminated") from error
    except StreamFailed as error:
        raise CommandFailed(str(error)) from error
    except (Disconnected, ConnectionError) as error:
        click.echo(_GONE, err=True)
        raise CommandFailed(str(error)) from error
