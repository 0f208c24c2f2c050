"""Actions on where a guest is: a migration that somebody asks for, and an evacuation that somebody calls off."""

from __future__ import annotations

from typing import Any

from virt_api.plan.options import EvacuateCancelOptions, MigrateOptions
from virt_api.plan.reading import Raw, text
from virt_api.plan.status import VM, CallFailed, conflict
from virt_model.phases import Phase

GENERATE_NAME = "kubevirt-migrate-vm-"


def migration_of(vmi: Raw, options: MigrateOptions) -> Raw:
    """The object that asks for a migration of a VM's guest. Raises CallFailed."""
    name = text(vmi, "metadata", "name")
    if text(vmi, "status", "phase") != Phase.RUNNING:
        raise CallFailed(conflict(VM, name, "VM is not running"))
    spec: dict[str, Any] = {"vmiName": name}
    if options.added_node_selector:
        spec["addedNodeSelector"] = options.added_node_selector
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {"generateName": GENERATE_NAME},
        "spec": spec,
    }


def evacuation_called_off(vmi: Raw, options: EvacuateCancelOptions) -> tuple[dict[str, Any], ...]:
    """The JSON Patch of the VMI; empty where nothing is being evacuated. Options that name no node mean any."""
    leaves = text(vmi, "status", "evacuationNodeName")
    if not leaves:
        return ()
    path = "/status/evacuationNodeName"
    return (
        {"op": "test", "path": path, "value": options.evacuation_node_name or leaves},
        {"op": "remove", "path": path},
    )
