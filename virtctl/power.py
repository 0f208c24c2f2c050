"""`virtctl start|stop|restart VM`: one call of the VM's subresource each."""

from __future__ import annotations

from typing import Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

_DRY_RUN_TEXT = "Flag used to set whether to perform a dry run or not."
_GRACE = (
    "Period of time in seconds given to the VMI to terminate gracefully. Can only be set to 0 when --force is true"
    " (force deletion). Currently only setting 0 is supported."
)
DRY_RUN = click.option("--dry-run", is_flag=True, help=_DRY_RUN_TEXT)
_grace = click.option("--grace-period", type=int, default=None, metavar="INT", help=_GRACE)


@click.command(short_help="Start a virtual machine.")
@click.argument("vm", metavar="(VM)")
@click.option("--paused", is_flag=True, help="If set to true, start virtual machine in paused state")
@DRY_RUN
@cluster_flags()
@click.pass_context
def start(context: click.Context, vm: str, paused: bool, dry_run: bool) -> None:
    """Start a virtual machine."""
    change(context, vm, "start", {"paused": paused}, "Error starting VirtualMachine {}", dry_run=dry_run)


@click.command(short_help="Stop a virtual machine.")
@click.argument("vm", metavar="(VM)")
@click.option("--force", is_flag=True, help="Stop by force; needs --grace-period. Data in the guest may be lost.")
@_grace
@DRY_RUN
@cluster_flags()
@click.pass_context
def stop(context: click.Context, vm: str, force: bool, grace_period: int | None, dry_run: bool) -> None:
    """Stop a virtual machine."""
    _check_force(force, grace_period)
    failing = "error force stopping VirtualMachine: {}" if force else "error stopping VirtualMachine {}"
    change(context, vm, "stop", {"gracePeriod": grace_period}, failing, dry_run=dry_run)


@click.command(short_help="Restart a virtual machine.")
@click.argument("vm", metavar="(VM)")
@click.option("--force", is_flag=True, help="Restart by force; needs --grace-period. Data in the guest may be lost.")
@_grace
@DRY_RUN
@cluster_flags()
@click.pass_context
def restart(context: click.Context, vm: str, force: bool, grace_period: int | None, dry_run: bool) -> None:
    """Restart a virtual machine."""
    _check_force(force, grace_period)
    failing = "error force restarting VirtualMachine: {}" if force else "error restarting VirtualMachine: {}"
    change(context, vm, "restart", {"gracePeriodSeconds": grace_period}, failing, dry_run=dry_run)


def _check_force(force: bool, grace_period: int | None) -> None:
    if force != (grace_period is not None):
        raise CommandFailed("Must both use --force=true and set --grace-period.")


def change(context: click.Context, vm: str, verb: str, options: dict[str, Any], failing: str, *, dry_run: bool) -> None:
    """Call the VM's subresource `verb`; `failing` is what is said when it is refused."""
    from virt_runtime.errors import ApiError

    access = access_of(context)
    body = {key: value for key, value in options.items() if value is not None and value is not False}
    if dry_run:
        click.echo("Dry Run execution")
        body["dryRun"] = ["All"]
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/virtualmachines/{vm}/{verb}"
    try:
        with_client(access, lambda kube: kube.raw("PUT", path, body))
    except ApiError as error:
        raise CommandFailed(failing.format(error.message)) from error
    click.echo(f"VM {vm} was scheduled to {verb}")
