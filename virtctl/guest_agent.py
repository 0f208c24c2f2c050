"""`virtctl guestosinfo|userlist|fslist VMI`: what the guest's agent says, as JSON."""

from __future__ import annotations

import json

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

_PLAIN = "an error on the server ({}) has prevented the request from succeeding"


@click.command(short_help="Return guest agent info about operating system.")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def guestosinfo(context: click.Context, vmi: str) -> None:
    """Return guest agent info about operating system."""
    _show(context, vmi, "guestosinfo", "getting guestosinfo")


@click.command(short_help="Return full list of logged in users on the guest machine.")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def userlist(context: click.Context, vmi: str) -> None:
    """Return full list of logged in users on the guest machine."""
    _show(context, vmi, "userlist", "listing users")


@click.command(short_help="Return full list of filesystems available on the guest machine.")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def fslist(context: click.Context, vmi: str) -> None:
    """Return full list of filesystems available on the guest machine."""
    _show(context, vmi, "filesystemlist", "listing filesystems")


def _show(context: click.Context, vmi: str, question: str, doing: str) -> None:
    from virt_runtime.errors import ApiError

    access = access_of(context)
    root = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/virtualmachineinstances"
    try:
        answer = with_client(access, lambda kube: kube.raw("GET", f"{root}/{vmi}/{question}"))
    except ApiError as error:
        why = error.message if error.body else _PLAIN.format(json.dumps(error.message))
        raise CommandFailed(f"Error {doing} of VirtualMachineInstance {vmi}, {why}") from error
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
