"""`virtctl expose vm|vmi|vmirs NAME`: a Service for the ports of guests."""

from __future__ import annotations

from typing import Any

import click

from virtctl.cluster import access_of, with_client
from virtctl.failure import CommandFailed
from virtctl.flags import cluster_flags, require


@click.command(short_help="Expose a virtual machine, instance or replica set as a new service.")
@click.argument("kind", metavar="(TYPE)")
@click.argument("name_of_machine", metavar="(NAME)")
@click.option("--name", default="", help="Name of the service created for the exposure of the VM.")
@click.option("--cluster-ip", default="", help="ClusterIP to be assigned to the service, or None for a headless one.")
@click.option("--external-ip", default="", help="Additional external IP address to accept for the service.")
@click.option("--port", type=int, default=0, help="The port that the service should serve on.")
@click.option("--protocol", default="TCP", show_default=True, help="The network protocol for the service.")
@click.option("--target-port", default="", help="Name or number for the port on the VM to direct traffic to.")
@click.option("--type", default="ClusterIP", show_default=True, help="ClusterIP, NodePort, or LoadBalancer.")
@click.option("--port-name", default="", help="Name of the port.")
@click.option("--ip-family", default="", help="'IPv4', 'IPv6', 'IPv4,IPv6' or 'IPv6,IPv4'")
@click.option("--ip-family-policy", default="", help="'SingleStack', 'PreferDualStack' or 'RequireDualStack'")
@cluster_flags()
@click.pass_context
def expose(context: click.Context, /, kind: str, name_of_machine: str, **flags: Any) -> None:
    """Make a Service for the port --port, or for all ports that the spec names on the pod network."""
    from virt_runtime import resources
    from virt_runtime.errors import ApiError
    from virt_runtime.kube import KubeClient
    from virtctl.plan import service, target

    require(context, "name")
    wish = service.ServiceWish(**flags)
    service.shape(wish)
    kind = kind.lower()
    known = {
        target.VMI: (resources.VIRTUAL_MACHINE_INSTANCES, "VirtualMachineInstance"),
        target.VM: (resources.VIRTUAL_MACHINES, "VirtualMachine"),
        service.REPLICA_SET: (resources.VIRTUAL_MACHINE_INSTANCE_REPLICASETS, "VirtualMachineInstanceReplicaSet"),
    }
    found = next((value for words, value in known.items() if kind in words), None)
    if found is None:
        raise CommandFailed(f"unsupported resource type: {kind}")
    resource, word = found
    access = access_of(context)

    async def run(kube: KubeClient) -> None:
        try:
            exposed = await kube.get(resource, access.namespace, name_of_machine)
        except ApiError as error:
            raise CommandFailed(f"error fetching {word}: {error.message}") from error
        manifest = service.service(wish, access.namespace, kind, exposed)
        try:
            await kube.create(resources.SERVICES, access.namespace, manifest)
        except ApiError as error:
            raise CommandFailed(f"service creation failed: {error.message}") from error

    with_client(access, run)
    click.echo(f"Service {wish.name} successfully created for {kind} {name_of_machine}")
