"""`virtctl migrate|migrate-cancel VM`: the VM's subresource asks for a migration, its deletion calls it off."""

from __future__ import annotations

from collections.abc import Callable

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, pairs
from virtctl.power import DRY_RUN, change

_NODE_SELECTOR = "Labels that the target's node must have besides, for example --addedNodeSelector disk=fast,zone=b"
_WAIT = "Tell how it goes until it is over; exit code 1 when it does not succeed."


@click.command(short_help="Migrate a virtual machine.")
@click.argument("vm", metavar="(VM)")
@click.option("--addedNodeSelector", "selector", default="", metavar="KEY=VALUE,...", help=_NODE_SELECTOR)
@click.option("--wait", is_flag=True, help=_WAIT)
@DRY_RUN
@cluster_flags()
@click.pass_context
def migrate(context: click.Context, vm: str, selector: str, wait: bool, dry_run: bool) -> None:
    """Move a running virtual machine to another node."""
    options = {"addedNodeSelector": pairs("--addedNodeSelector", selector)} if selector else {}

    def ask() -> None:
        change(context, vm, "migrate", options, "Error migrating VirtualMachine: {}", dry_run=dry_run)

    if not wait:
        ask()
    elif dry_run:
        raise CommandFailed("--wait has nothing to wait for with --dry-run")
    else:
        _and_wait(context, vm, ask)


def _and_wait(context: click.Context, vm: str, ask: Callable[[], None]) -> None:
    from virt_runtime.errors import ApiError
    from virtctl.migration_wait import follow, known

    access = access_of(context)
    try:
        before = with_client(access, lambda kube: known(kube, access.namespace, vm))
        ask()
        with_client(access, lambda kube: follow(kube, access.namespace, vm, before))
    except ApiError as error:
        raise CommandFailed(f"VM {vm}: its migration cannot be followed: {error.message}") from error


@click.command("migrate-cancel", short_help="Cancel migration of a virtual machine.")
@click.argument("vm", metavar="(VM)")
@DRY_RUN
@cluster_flags()
@click.pass_context
def migrate_cancel(context: click.Context, vm: str, dry_run: bool) -> None:
    """Call off the migration of a virtual machine that is under way."""
    from virt_runtime.errors import ApiError
    from virt_runtime.kube import KubeClient
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCE_MIGRATIONS as MIGRATIONS
    from virtctl.migration_wait import migrations_of
    from virtctl.plan.migration import over

    access = access_of(context)

    async def call_off(kube: KubeClient) -> bool:
        active = [each for each in await migrations_of(kube, access.namespace, vm) if not over(each)]
        if active and not dry_run:
            metadata = active[0]["metadata"]
            await kube.delete(MIGRATIONS, access.namespace, metadata["name"], uid=metadata["uid"])
        return bool(active)

    if dry_run:
        click.echo("Dry Run execution")
    try:
        if not with_client(access, call_off):
            raise CommandFailed(f"Found no migration to cancel for {vm}")
    except ApiError as error:
        raise CommandFailed(f"Error canceling migration of VirtualMachine {vm}: {error.message}") from error
    click.echo(f"VM {vm} was scheduled to migrate-cancel")
