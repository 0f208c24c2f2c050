"""Kinds that are served and that nobody acts on yet: they can be listed, watched and deleted, and not created.

An object that is stored and then lies there looks like a promise. So the operator installs every kind, and has virt-api
asked about each creation of one of these, which it refuses. When a kind's controller is built, its row goes.
"""

from __future__ import annotations

from typing import Final

#: kind -> in the user's words what an object of it would give
IDLE_KINDS: Final[dict[str, str]] = {
    "VirtualMachineInstancePreset": "presets",
    "VirtualMachinePool": "pools of VMs",
    "VirtualMachineSnapshot": "snapshots",
    "VirtualMachineSnapshotContent": "snapshots",
    "VirtualMachineRestore": "snapshots",
    "VirtualMachineExport": "exports of disks",
    "VirtualMachineBackup": "backups",
    "VirtualMachineBackupTracker": "backups",
    "VirtualMachineClone": "clones",
    "VirtualMachineInstancetype": "instance types",
    "VirtualMachineClusterInstancetype": "instance types",
    "VirtualMachinePreference": "preferences",
    "VirtualMachineClusterPreference": "preferences",
    "Plugin": "plugins",
}


def creation_path(plural: str) -> str:
    """Where virt-api is asked about the creation of an object of such a kind."""
    return f"/{plural}-refuse-create"
