"""`virtctl create`: manifests of clones, instance types and preferences. (That of a VM has a module of its own.)"""

from __future__ import annotations

from typing import Any

import click

from virtctl.create_vm import vm
from virtctl.flags import cluster_flags, require, said, without_command
from virtctl.manifest import fresh, show

_MANY = "Can be provided multiple times."


@click.group(short_help="Create a manifest for the specified Kind.", invoke_without_command=True)
@cluster_flags()
@click.pass_context
def create(context: click.Context) -> None:
    """Create a manifest for the specified Kind."""
    without_command(context)


create.add_command(vm)


@create.command(short_help="Create a clone object manifest")
@click.option("--name", default="", help="Specify the name of the clone. If not specified, name would be randomized.")
@click.option("--source-name", default="", help="Specify the clone's source name.")
@click.option("--target-name", default="", help="Specify the clone's target name.")
@click.option("--source-type", default="vm", help="Specify the clone's source type: vm or vmsnapshot.")
@click.option("--target-type", default="vm", help="Specify the clone's target type: vm.")
@click.option("--label-filter", multiple=True, help=f"Specify clone's label filters. {_MANY}")
@click.option("--annotation-filter", multiple=True, help=f"Specify clone's annotation filters. {_MANY}")
@click.option("--new-mac-address", multiple=True, help=f"Specify a new MAC address, as interface:address. {_MANY}")
@click.option("--new-smbios-serial", default="", help="Specify the clone's new smbios serial")
@cluster_flags()
@click.pass_context
def clone(context: click.Context, /, name: str, **flags: Any) -> None:
    """Create a clone object manifest"""
    from virtctl.plan.create.clone import CloneWish
    from virtctl.plan.create.clone import clone as manifest

    require(context, "source-name")
    show(manifest(CloneWish(name=name or f"clone-{fresh()}", namespace=_namespace(context), **flags)))


@create.command(short_help="Create an instance type manifest.")
@click.option("--name", default="", help="Specify the name of the Instancetype.")
@click.option("--cpu", type=int, default=0, help="Specify the count of CPUs of the Instancetype.")
@click.option("--memory", default="", help="Specify the amount of memory of the Instancetype.")
@click.option("--iothreadspolicy", default=None, help="Specify IOThreadsPolicy to be used: auto or shared.")
@click.option("--namespaced", is_flag=True, help="Make one for a namespace, rather than one for the cluster.")
@click.option("--gpu", multiple=True, help=f"Specify a vGPU, as name:NAME,devicename:DEVICE. {_MANY}")
@click.option("--hostdevice", multiple=True, help=f"Specify a host device, as name:NAME,devicename:DEVICE. {_MANY}")
@cluster_flags()
@click.pass_context
def instancetype(
    context: click.Context,
    name: str,
    cpu: int,
    memory: str,
    iothreadspolicy: str | None,
    namespaced: bool,
    gpu: tuple[str, ...],
    hostdevice: tuple[str, ...],
) -> None:
    """Create VirtualMachineInstancetype or VirtualMachineClusterInstancetype manifest."""
    from virtctl.plan.create import flavors

    require(context, "cpu", "memory")
    named = flavors.Named(**_named(context, "instancetype", name, namespaced))
    show(flavors.instancetype(named, cpu, memory, gpu, hostdevice, iothreadspolicy))


@create.command(short_help="Create a preference manifest.")
@click.option("--name", default="", help="Specify the name of the Preference.")
@click.option("--namespaced", is_flag=True, help="Make one for a namespace, rather than one for the cluster.")
@click.option("--volume-storage-class", default=None, help="Defines the preferred storage class")
@click.option("--machine-type", default=None, help="Defines the preferred machine type to use.")
@click.option("--cpu-topology", default=None, help="Defines the preferred guest visible CPU topology.")
@cluster_flags()
@click.pass_context
def preference(
    context: click.Context,
    name: str,
    namespaced: bool,
    volume_storage_class: str | None,
    machine_type: str | None,
    cpu_topology: str | None,
) -> None:
    """Create a VirtualMachinePreference or VirtualMachineClusterPreference manifest."""
    from virtctl.plan.create import flavors

    named = flavors.Named(**_named(context, "preference", name, namespaced))
    show(flavors.preference(named, volume_storage_class, machine_type, cpu_topology))


def _named(context: click.Context, what: str, name: str, namespaced: bool) -> dict[str, Any]:
    """A namespace that was named asks for the namespaced kind."""
    namespace = _namespace(context)
    namespaced = namespaced or bool(namespace)
    made_up = f"{'' if namespaced else 'cluster'}{what}-{fresh()}"
    return {"name": name if "name" in said(context) else made_up, "namespace": namespace, "namespaced": namespaced}


def _namespace(context: click.Context) -> str:
    """The namespace that was named; a manifest leaves out the one that is only the default."""
    return str((context.obj or {}).get("namespace") or "")
