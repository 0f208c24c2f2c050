"""`virtctl migrate|migrate-cancel VM`: the VM's subresource asks for a migration, its deletion calls it off.

`--force-complete` is about the one that is under way: an annotation of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, pairs
from virtctl.power import DRY_RUN, change

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient
    from virt_runtime.resources import Json

_NODE_SELECTOR = "Labels that the target's node must have besides, for example --addedNodeSelector disk=fast,zone=b"
_WAIT = "Tell how it goes until it is over; exit code 1 when it does not succeed."
_FORCE = (
    "Get the migration done that is under way: the guest stands still until it has moved,"
    " and no limit of bandwidth holds for it any more."
)


@click.command(short_help="Migrate a virtual machine.")
@click.argument("vm", metavar="(VM)")
@click.option("--addedNodeSelector", "selector", default="", metavar="KEY=VALUE,...", help=_NODE_SELECTOR)
@click.option("--wait", is_flag=True, help=_WAIT)
@click.option("--force-complete", "force", is_flag=True, help=_FORCE)
@DRY_RUN
@cluster_flags()
@click.pass_context
def migrate(context: click.Context, vm: str, selector: str, wait: bool, force: bool, dry_run: bool) -> None:
    """Move a running virtual machine to another node."""
    if force:
        if selector or wait:
            raise CommandFailed("--force-complete is about the migration that is under way: it starts none")
        _force(context, vm, dry_run=dry_run)
        return
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


def _force(context: click.Context, vm: str, *, dry_run: bool) -> None:
    from virt_model.labels import FORCE_COMPLETE
    from virt_runtime.errors import NotFound
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCE_MIGRATIONS as MIGRATIONS
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCES
    from virtctl.plan.migration import may_switch

    told = f"VM {vm} stands still until it has migrated"

    async def mark(kube: KubeClient, migration: Json) -> None:
        nonlocal told
        with contextlib.suppress(NotFound):
            vmi = await kube.get(VIRTUAL_MACHINE_INSTANCES, migration["namespace"], vm)
            if may_switch(vmi, migration["uid"]):
                told = f"VM {vm} goes on at its new node at once, while the rest of its memory is fetched"
        marked = {"metadata": {"uid": migration["uid"], "annotations": {FORCE_COMPLETE: ""}}}
        await kube.merge_patch(MIGRATIONS, migration["namespace"], migration["name"], marked)

    missing = f"Found no migration to complete for {vm}: start one with virtctl migrate {vm}"
    failed = f"Error completing migration of VirtualMachine {vm}"
    _with_the_one_under_way(context, vm, mark, missing, failed, dry_run=dry_run)
    click.echo(told)


def _with_the_one_under_way(
    context: click.Context,
    vm: str,
    change: Callable[[KubeClient, Json], Awaitable[None]],
    missing: str,
    failed: str,
    *,
    dry_run: bool,
) -> None:
    """`change` gets the metadata of the VM's migration that is not over. Raises CommandFailed."""
    from virt_runtime.errors import ApiError

    access = access_of(context)

    async def find_and_change(kube: KubeClient) -> bool:
        metadata = await _under_way(kube, access.namespace, vm)
        if metadata is not None and not dry_run:
            await change(kube, metadata)
        return metadata is not None

    if dry_run:
        click.echo("Dry Run execution")
    try:
        if not with_client(access, find_and_change):
            raise CommandFailed(missing)
    except ApiError as error:
        raise CommandFailed(f"{failed}: {error.message}") from error


async def _under_way(kube: KubeClient, namespace: str, vm: str) -> Json | None:
    """The metadata of the VM's migration that is not over."""
    from virtctl.migration_wait import migrations_of
    from virtctl.plan.migration import over

    active = [each for each in await migrations_of(kube, namespace, vm) if not over(each)]
    return active[0]["metadata"] if active else None


@click.command("migrate-cancel", short_help="Cancel migration of a virtual machine.")
@click.argument("vm", metavar="(VM)")
@DRY_RUN
@cluster_flags()
@click.pass_context
def migrate_cancel(context: click.Context, vm: str, dry_run: bool) -> None:
    """Call off the migration of a virtual machine that is under way."""
    from virt_runtime.resources import VIRTUAL_MACHINE_INSTANCE_MIGRATIONS as MIGRATIONS

    async def call_off(kube: KubeClient, migration: Json) -> None:
        await kube.delete(MIGRATIONS, migration["namespace"], migration["name"], uid=migration["uid"])

    failed = f"Error canceling migration of VirtualMachine {vm}"
    _with_the_one_under_way(context, vm, call_off, f"Found no migration to cancel for {vm}", failed, dry_run=dry_run)
    click.echo(f"VM {vm} was scheduled to migrate-cancel")
