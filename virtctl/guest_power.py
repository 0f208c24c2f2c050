"""`virtctl pause|unpause vm|vmi NAME`, `virtctl reset|soft-reboot VMI`: one call of the VMI's subresource each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags
from virtctl.power import DRY_RUN

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

_KINDS = {**dict.fromkeys(("vm", "vms"), "vm"), **dict.fromkeys(("vmi", "vmis"), "vmi")}


@click.command(short_help="Pause a virtual machine")
@click.argument("kind", metavar="vm|vmi")
@click.argument("name", metavar="(VM)|(VMI)")
@DRY_RUN
@cluster_flags()
@click.pass_context
def pause(context: click.Context, kind: str, name: str, dry_run: bool) -> None:
    """Pauses a virtual machine by freezing it. Machine state is kept in memory."""
    _machine(context, kind, name, "pause", "pausing", dry_run=dry_run)


@click.command(short_help="Unpause a virtual machine")
@click.argument("kind", metavar="vm|vmi")
@click.argument("name", metavar="(VM)|(VMI)")
@DRY_RUN
@cluster_flags()
@click.pass_context
def unpause(context: click.Context, kind: str, name: str, dry_run: bool) -> None:
    """Unpauses a virtual machine."""
    _machine(context, kind, name, "unpause", "unpausing", dry_run=dry_run)


@click.command(short_help="Reset a virtual machine instance")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def reset(context: click.Context, vmi: str) -> None:
    """Reset a virtual machine instance, as its reset button would."""
    _instance(context, vmi, "reset", "resetting")


@click.command(name="soft-reboot", short_help="Soft reboot a virtual machine instance")
@click.argument("vmi", metavar="(VMI)")
@cluster_flags()
@click.pass_context
def soft_reboot(context: click.Context, vmi: str) -> None:
    """Soft reboot a virtual machine instance: its guest is asked to."""
    _instance(context, vmi, "soft-reboot", "soft rebooting")


def _instance(context: click.Context, name: str, verb: str, doing: str) -> None:
    from virt_runtime.errors import ApiError

    namespace = access_of(context).namespace
    try:
        _put(context, namespace, name, verb.replace("-", ""), {})
    except ApiError as error:
        raise CommandFailed(f"Error {doing} VirtualMachineInstance {name}: {error.message}") from error
    click.echo(f"VMI {name} was scheduled to {verb}")


def _machine(context: click.Context, kind: str, name: str, verb: str, doing: str, *, dry_run: bool) -> None:
    from virt_runtime.errors import ApiError, NotFound

    if kind not in _KINDS:
        raise CommandFailed(f"unsupported resource type {kind}")
    namespace = access_of(context).namespace
    if dry_run:
        click.echo("Dry Run execution")
    vm = _vm(context, namespace, name) if _KINDS[kind] == "vm" else None
    failed = f"Error {doing} VirtualMachineInstance {name}"
    try:
        _put(context, namespace, name, verb, {"dryRun": ["All"]} if dry_run else {})
    except NotFound as error:
        if vm is None:
            raise CommandFailed(f"{failed}: {error.message}") from error
        if _halted(vm):
            raise CommandFailed(f"{failed}. VirtualMachine {name} is not set to run") from error
        raise CommandFailed(f"{failed}, it was not found") from error
    except ApiError as error:
        raise CommandFailed(f"{failed}: {error.message}") from error
    click.echo(f"VMI {name} was scheduled to {verb}")


def _vm(context: click.Context, namespace: str, name: str) -> dict[str, Any]:
    from virt_runtime.errors import ApiError

    async def read(kube: KubeClient) -> Any:
        return await kube.raw("GET", f"/apis/kubevirt.io/v1/namespaces/{namespace}/virtualmachines/{name}")

    try:
        vm: dict[str, Any] = with_client(access_of(context), read)
    except ApiError as error:
        raise CommandFailed(f"Error getting VirtualMachine {name}: {error.message}") from error
    return vm


def _halted(vm: dict[str, Any]) -> bool:
    spec = vm.get("spec") or {}
    return spec.get("runStrategy") == "Halted" or spec.get("running") is False


def _put(context: click.Context, namespace: str, name: str, subresource: str, body: dict[str, Any]) -> None:
    root = f"/apis/subresources.kubevirt.io/v1/namespaces/{namespace}/virtualmachineinstances"
    with_client(access_of(context), lambda kube: kube.raw("PUT", f"{root}/{name}/{subresource}", body))
