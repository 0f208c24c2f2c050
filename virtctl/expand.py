"""`virtctl expand`: a VM with its instance type and preference written out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, exclusive
from virtctl.manifest import show

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient

Json = dict[str, Any]


@click.command(short_help="Return the VirtualMachine object with expanded instancetype and preference.")
@click.option("--vm", default="", help='VirtualMachine name. Mutually exclusive with "--file" flag.')
@click.option("--file", "-f", default="", help='A file, or -. Mutually exclusive with "--vm" flag.')
@click.option("--output", "-o", default="yaml", show_default=True, help="Format: yaml or json.")
@cluster_flags()
@click.pass_context
def expand(context: click.Context, vm: str, file: str, output: str) -> None:
    """Return the VirtualMachine object with expanded instancetype and preference."""
    exclusive(context, "file", "vm")
    if not (vm or file):
        raise CommandFailed("error invalid arguments - VirtualMachine name or file must be provided")
    if output not in ("yaml", "json"):
        raise CommandFailed(f"error not supported output format defined: {output}")
    given = _read(file) if file else {}
    expanded = _expanded(context, vm or str((given.get("metadata") or {}).get("name") or ""), given)
    if output == "yaml":
        show(expanded)
    else:
        import json

        click.echo(json.dumps(expanded, indent=1), nl=False)


def _read(path: str) -> Json:
    import yaml

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text()
    except OSError as error:
        raise CommandFailed(f"error reading file open {path}: {(error.strerror or str(error)).lower()}") from error
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandFailed(f"error decoding VirtualMachine {' '.join(str(error).split())}") from error
    if not isinstance(found, dict):
        raise CommandFailed("error decoding VirtualMachine: it is not an object")
    return found


def _expanded(context: click.Context, name: str, given: Json) -> Json:
    from virt_runtime.errors import ApiError

    access = access_of(context)
    base = f"/apis/subresources.kubevirt.io/v1/namespaces/{access.namespace}"

    async def run(kube: KubeClient) -> Any:
        if given:
            return await kube.raw("PUT", f"{base}/expand-vm-spec", given)
        return await kube.raw("GET", f"{base}/virtualmachines/{name}/expand-spec")

    try:
        answer: Json = with_client(access, run)
    except ApiError as error:
        text = f"error expanding VirtualMachine - {name} in namespace - {access.namespace}: {error.message}"
        raise CommandFailed(text) from error
    return answer
