"""Changed block tracking and the backups that use it, as VM and VMI report them."""

from __future__ import annotations

from typing import Annotated

from api.marks import ATOMIC_LIST, NULLABLE, Time
from api.view import View


class VirtualMachineInstanceBackupVolumeInfo(View, frozen=True, kw_only=True):
    """A volume that a backup covers."""

    volume_name: str
    """Name of the volume."""


class VirtualMachineInstanceBackupStatus(View, frozen=True, kw_only=True):
    """How the latest backup goes."""

    backup_name: str = ""
    """Name of the backup object."""
    start_timestamp: Time | None = None
    """When it began."""
    end_timestamp: Time | None = None
    """When it ended."""
    completed: bool = False
    """True once ended, well or not."""
    failed: bool = False
    """True when it ended badly."""
    backup_msg: str = ""
    """What went wrong, or right."""
    checkpoint_name: str | None = None
    """Checkpoint the next incremental backup builds on."""
    quiesce_status: str | None = None
    """Whether the guest's file systems were at rest."""
    volumes: Annotated[tuple[VirtualMachineInstanceBackupVolumeInfo, ...], ATOMIC_LIST] = ()
    """Volumes it covers."""


class ChangedBlockTrackingStatus(View, frozen=True, kw_only=True):
    """Whether changed blocks are recorded, and the latest backup."""

    state: str
    """Enabled, Disabled, Initializing, PendingRestart, Undefined or FGDisabled."""
    backup_status: Annotated[VirtualMachineInstanceBackupStatus | None, NULLABLE] = None
    """The latest backup."""
