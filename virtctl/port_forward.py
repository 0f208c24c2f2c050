"""`virtctl port-forward TARGET PORT…`: local ports, or this process's own input and output, that lead to a guest."""

from __future__ import annotations

import click

from virtctl.cluster import access_of
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags
from virtctl.plan.ports import forward
from virtctl.plan.target import target

_STDIO = "Set this to true to forward the tunnel to stdout/stdin; Only works with a single port"
_ADDRESS = "Set this to the address the local ports should be opened on"


@click.command(name="port-forward", short_help="Forward local ports to a virtualmachine or virtualmachineinstance.")
@click.argument("words", nargs=-1, metavar="type/name[/namespace] [protocol/]localPort[:targetPort]...")
@click.option("--stdio", is_flag=True, help=_STDIO)
@click.option("--address", default="127.0.0.1", show_default=True, metavar="TEXT", help=_ADDRESS)
@cluster_flags()
@click.pass_context
def port_forward(context: click.Context, words: tuple[str, ...], stdio: bool, address: str) -> None:
    """Forward local ports to vm/NAME[/NAMESPACE] or vmi/NAME: 8080, 8080:80, udp/5353:53. Ctrl+C ends it."""
    import asyncio

    from virtctl.stream import Disconnected, StreamFailed
    from virtctl.tunnels import End, serve, through_stdio

    if len(words) < 2:
        raise CommandFailed(f"port-forward requires at least 2 arg(s), received {len(words)}")
    there, ports = target(words[0]), [forward(word) for word in words[1:]]
    if stdio and len(ports) != 1:
        raise CommandFailed("only one port supported when forwarding to stdout")
    access = access_of(context)
    end = End(access, there.kind, there.namespace or access.namespace, there.name)
    try:
        asyncio.run(through_stdio(end, ports[0]) if stdio else serve(end, address, ports))
    except KeyboardInterrupt:
        return
    except asyncio.CancelledError as error:
        if stdio:  # so ssh says goodbye to its proxy command
            return
        raise CommandFailed("terminated") from error
    except (StreamFailed, Disconnected, OSError) as error:
        raise CommandFailed(str(error)) from error
