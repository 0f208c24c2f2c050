"""`virtctl evacuate-cancel vm|vmi|node NAME`: guests may stay that an eviction has asked to leave their node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags
from virtctl.power import DRY_RUN

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient
    from virt_runtime.resources import Json

_KINDS: Final = {
    **dict.fromkeys(("vm", "vms", "virtualmachine", "virtualmachines"), "vm"),
    **dict.fromkeys(("vmi", "vmis", "virtualmachineinstance", "virtualmachineinstances"), "vmi"),
    **dict.fromkeys(("node", "nodes", "no"), "node"),
}
_PLURALS: Final = {"vm": "virtualmachines", "vmi": "virtualmachineinstances"}


@click.command("evacuate-cancel", short_help="Cancel evacuation for a VM, VMI, or all VMIs on a node")
@click.argument("kind", metavar="vm|vmi|node")
@click.argument("name", metavar="NAME")
@DRY_RUN
@cluster_flags()
@click.pass_context
def evacuate_cancel(context: click.Context, kind: str, name: str, dry_run: bool) -> None:
    """Let a virtual machine, or all of a node, stay where an eviction has asked them to leave."""
    wanted = _KINDS.get(kind.lower())
    if wanted is None:
        raise CommandFailed(f'unsupported resource type "{kind}"')
    if dry_run:
        click.echo("Dry Run execution")
    access = access_of(context)
    if wanted == "node":
        with_client(access, lambda kube: _of_node(kube, name, dry_run=dry_run))
    else:
        with_client(access, lambda kube: _of_one(kube, wanted, access.namespace, name, dry_run=dry_run))


async def _of_one(kube: KubeClient, kind: str, namespace: str, name: str, *, dry_run: bool) -> None:
    """Raises CommandFailed."""
    from virt_runtime.errors import ApiError

    path = f"/apis/subresources.kubevirt.io/v1/namespaces/{namespace}/{_PLURALS[kind]}/{name}/evacuate/cancel"
    what = f"{kind.upper()} {namespace}/{name}"
    try:
        await kube.raw("PUT", path, {"dryRun": ["All"]} if dry_run else {})
    except ApiError as error:
        raise CommandFailed(f"error canceling evacuation for {what}: {error.message}") from error
    click.echo(f"{what} was canceled evacuation")


async def _of_node(kube: KubeClient, node: str, *, dry_run: bool) -> None:
    """One that cannot be called off does not keep the others. Raises CommandFailed where the node is not known."""
    for vmi in await _leaving(kube, node):
        metadata = vmi["metadata"]
        try:
            await _of_one(kube, "vmi", metadata["namespace"], metadata["name"], dry_run=dry_run)
        except CommandFailed as failed:
            click.echo(str(failed), err=True)


async def _leaving(kube: KubeClient, node: str) -> list[Json]:
    from virt_runtime.errors import ApiError
    from virt_runtime.resources import NODES, VIRTUAL_MACHINE_INSTANCES

    try:
        await kube.get(NODES, None, node)
    except ApiError as error:
        raise CommandFailed(f"error getting node {node}: {error.message}") from error
    try:
        vmis = await kube.list(VIRTUAL_MACHINE_INSTANCES)
    except ApiError as error:
        raise CommandFailed(f"error listing VMIs on node {node}: {error.message}") from error
    return [vmi for vmi in vmis if (vmi.get("status") or {}).get("evacuationNodeName") == node]
