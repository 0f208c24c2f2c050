"""`virtctl why vm|vmi NAME`: what an object waits for, why, and what to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

if TYPE_CHECKING:
    from virtctl.plan.why.case import Link

_HELP = """Say what a virtual machine or its instance waits for: the chain from VM to VMI to pod to node to domain,
the first cause, and what to do."""


@click.command(short_help="Say what a virtual machine waits for, and what to do.", help=_HELP)
@click.argument("kind", metavar="(vm|vmi)")
@click.argument("name", metavar="(NAME)")
@cluster_flags()
@click.pass_context
def why(context: click.Context, kind: str, name: str) -> None:
    """Read, decide, print."""
    from virt_runtime.errors import ApiError
    from virtctl.plan.why.causes import answer
    from virtctl.plan.why.screen import screen
    from virtctl.why_reading import read

    access = access_of(context)
    asked_for = _link(kind)
    try:
        case = with_client(access, lambda kube: read(kube, asked_for, access.namespace, name, time.time()))
    except ApiError as error:
        raise CommandFailed(error.message) from error
    click.echo(screen(case, answer(case)), nl=False)


def _link(kind: str) -> Link:
    from virtctl.plan import target
    from virtctl.plan.why.case import Link

    if kind in target.VM:
        return Link.VM
    if kind in target.VMI:
        return Link.VMI
    raise CommandFailed(f"unsupported resource kind {kind}: it is either vm or vmi")
