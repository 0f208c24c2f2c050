"""`virtctl objectgraph`: what a VM or VMI needs, as a tree."""

from __future__ import annotations

from typing import Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, pairs
from virtctl.manifest import show

_KINDS = {False: ("virtualmachines", "VirtualMachine"), True: ("virtualmachineinstances", "VirtualMachineInstance")}


@click.command(name="objectgraph", short_help="Returns dependency graph related to a VM|VMI.")
@click.argument("name", metavar="(VM|VMI)")
@click.option("--vmi", is_flag=True, help="Returns the object graph from the VMI instead of the VM.")
@click.option("--exclude-optional", is_flag=True, help="Exclude optional nodes from the object graph.")
@click.option("--selector", default="", metavar="KEY=VALUE,...", help="Labels that nodes must have.")
@click.option("--output", "-o", default="json", show_default=True, help="Output format. One of: json|yaml")
@cluster_flags()
@click.pass_context
def object_graph(
    context: click.Context, name: str, vmi: bool, exclude_optional: bool, selector: str, output: str
) -> None:
    """Returns dependency graph related to a VM|VMI."""
    from virt_runtime.errors import ApiError

    options: dict[str, Any] = {"includeOptionalNodes": not exclude_optional}
    if selector:
        options["labelSelector"] = {"matchLabels": pairs("--selector", selector)}
    access = access_of(context)
    plural, kind = _KINDS[vmi]
    path = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}/{plural}/{name}/objectgraph"
    try:
        graph = with_client(access, lambda kube: kube.raw("GET", path, options))
    except ApiError as error:
        raise CommandFailed(f"error listing object graph of {kind} {name}: {error.message}") from error
    if output == "yaml":
        show(graph)
    elif output == "json":
        import json

        click.echo(json.dumps(graph, indent=2))
    else:
        raise CommandFailed(f"unsupported output format: {output} (must be 'json' or 'yaml')")
