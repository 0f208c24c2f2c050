"""`virtctl permitted-devices`: the host devices that VMs may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags

if TYPE_CHECKING:
    from virt_runtime.kube import KubeClient


@click.command(name="permitted-devices", short_help="List the permitted devices for vmis.")
@cluster_flags()
@click.pass_context
def permitted_devices(context: click.Context) -> None:
    """List the permitted devices for vmis. The namespace is the one that the KubeVirt object is in."""
    from virt_runtime.errors import ApiError
    from virt_runtime.resources import KUBEVIRTS

    access = access_of(context)

    async def run(kube: KubeClient) -> list[dict[str, Any]]:
        return await kube.list(KUBEVIRTS, access.namespace)

    try:
        found = with_client(access, run)
    except ApiError as error:
        raise CommandFailed(error.message) from error
    if not found:
        raise CommandFailed(f'no KubeVirt resource in "{access.namespace}" namespace')
    permitted = (found[0]["spec"].get("configuration") or {}).get("permittedHostDevices") or {}
    host, gpus = (_names(permitted, section) for section in ("pciHostDevices", "mediatedDevices"))
    click.echo(f"Permitted Devices: \nHost Devices: \n{host} \nGPU Devices: \n{gpus}")


def _names(permitted: dict[str, Any], section: str) -> str:
    return ", ".join(each["resourceName"] for each in permitted.get(section) or ())
