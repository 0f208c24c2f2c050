"""`virtctl version`: of this program, and of what runs in the cluster."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

import click

from virt_model.version import version_info
from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

_GROUP = "/apis/subresources.kubevirt.io"
_FIELDS = ("gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")


@click.command(short_help="Print the client and server version information.")
@click.option("-c", "--client", is_flag=True, help="Client version only (no server required).")
@cluster_flags()
@click.pass_context
def version(context: click.Context, client: bool) -> None:
    """Print the client and server version information."""
    mine = version_info(platform.python_version(), sys.platform, platform.machine())
    click.echo(f"Client Version: {_shown(mine)}")
    if not client:
        click.echo(f"Server Version: {_shown(_server(context))}")


def _server(context: click.Context) -> dict[str, Any]:
    from virt_runtime.errors import ApiError, NotFound

    async def ask(kube: KubeClient) -> Any:
        group = await kube.raw("GET", _GROUP)
        preferred = group["preferredVersion"]["groupVersion"]
        return await kube.raw("GET", f"/apis/{preferred}/version")

    try:
        answer: dict[str, Any] = with_client(access_of(context), ask)
    except NotFound as error:
        raise CommandFailed("the server could not find the requested resource: is podvirt installed?") from error
    except ApiError as error:
        raise CommandFailed(error.message) from error
    return answer


def _shown(info: dict[str, Any]) -> str:
    """The way in which version structures have always been printed."""
    pairs = (f'{field[0].upper()}{field[1:]}:"{info.get(field, "")}"' for field in _FIELDS)
    return f"version.Info{{{', '.join(pairs)}}}"
