"""What is the case with a VirtualMachine."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.backup import ChangedBlockTrackingStatus
from api.claim import StorageMigratedVolumeInfo
from api.disk import Disk
from api.marks import ATOMIC_LIST, NULLABLE, Int, Int64, Time, default
from api.meta import Condition
from api.view import View
from api.volume import DataVolumeSource, PersistentVolumeClaimVolumeSource


class ControllerRevisionRef(View, frozen=True, kw_only=True):
    """A ControllerRevision."""

    name: str = ""
    """Its name."""


class InstancetypeStatusRef(View, frozen=True, kw_only=True):
    """The instance type or preference that is in use, and the copy of it that was taken."""

    name: str = ""
    """Name of the instance type or preference."""
    kind: str = ""
    """Its kind, namespaced or cluster-wide."""
    controller_revision_ref: ControllerRevisionRef | None = None
    """The copy."""
    infer_from_volume: str = ""
    """Volume whose annotations named it."""
    infer_from_volume_failure_policy: str | None = None
    """What was to happen if they did not."""


class VirtualMachineMemoryDumpRequest(View, frozen=True, kw_only=True):
    """A wish to dump the guest's memory, and how it goes."""

    claim_name: str
    """Claim that takes the dump."""
    phase: str
    """Associating, InProgress, Unmounting, Completed, Dissociating or Failed."""
    remove: bool = False
    """True lets go of the claim."""
    start_timestamp: Time | None = None
    """When the dump began."""
    end_timestamp: Time | None = None
    """When the dump ended."""
    file_name: str | None = None
    """File on the claim."""
    message: str = ""
    """Why it failed."""


class VirtualMachineStartFailure(View, frozen=True, kw_only=True):
    """Starts that failed in a row; each makes the next one wait longer."""

    consecutive_fail_count: Int = 0
    """How many."""
    last_failed_vmi_uid: str = field(name="lastFailedVMIUID", default="")
    """The latest instance that failed."""
    retry_after_timestamp: Time | None = None
    """When the next try may begin."""


class VirtualMachineStateChangeRequest(View, frozen=True, kw_only=True):
    """A start or stop asked for through the API."""

    action: str
    """Start or Stop."""
    data: dict[str, str] = {}
    """Particulars, such as paused: true."""
    uid: str | None = None
    """Instance to stop; another one is left alone."""


class HotplugVolumeSource(View, frozen=True, kw_only=True):
    """A volume to plug in; one of the two."""

    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    """A claim by its name."""
    data_volume: DataVolumeSource | None = None
    """A claim by its DataVolume."""


class AddVolumeOptions(View, frozen=True, kw_only=True):
    """What to plug in."""

    name: str
    """Name of volume and disk."""
    disk: Disk
    """How the guest shall see it."""
    volume_source: HotplugVolumeSource
    """What is behind it."""
    dry_run: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """All, to try without effect."""


class RemoveVolumeOptions(View, frozen=True, kw_only=True):
    """What to pull out."""

    name: str
    """Name of the volume."""
    dry_run: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """All, for a try that changes nothing."""


class VirtualMachineVolumeRequest(View, frozen=True, kw_only=True):
    """A wish to plug or pull; one of the two."""

    add_volume_options: AddVolumeOptions | None = None
    """To plug in."""
    remove_volume_options: RemoveVolumeOptions | None = None
    """To pull out."""


class VolumeSnapshotStatus(View, frozen=True, kw_only=True):
    """Whether snapshots of a volume can be taken."""

    name: str
    """Which volume."""
    enabled: bool
    """Whether they can."""
    reason: str = ""
    """Why not."""


class VolumeMigrationState(View, frozen=True, kw_only=True):
    """Volumes on the move."""

    migrated_volumes: Annotated[tuple[StorageMigratedVolumeInfo, ...], ATOMIC_LIST] = ()
    """From which claim to which."""


class VolumeUpdateState(View, frozen=True, kw_only=True):
    """A change of volumes under way."""

    volume_migration_state: VolumeMigrationState | None = None
    """Set while volumes are copied to new claims."""


class VirtualMachineStatus(View, frozen=True, kw_only=True):
    """The VM as it is."""

    created: bool = False
    """True while an instance exists."""
    ready: bool = False
    """True while the instance is ready."""
    printable_status: Annotated[str, default("Stopped")] = ""
    """One word for people, such as Running or ErrorUnschedulable."""
    conditions: tuple[Condition, ...] = ()
    """Aspects, its own and those of the instance."""
    state_change_requests: tuple[VirtualMachineStateChangeRequest, ...] = ()
    """Starts and stops not yet done."""
    start_failure: Annotated[VirtualMachineStartFailure | None, NULLABLE] = None
    """Failed starts in a row."""
    observed_generation: Int64 = 0
    """Generation this status is about."""
    desired_generation: Int64 = 0
    """Generation the object has."""
    run_strategy: str = ""
    """runStrategy in force."""
    snapshot_in_progress: str | None = None
    """Snapshot being taken."""
    restore_in_progress: str | None = None
    """Restore being made."""
    volume_requests: Annotated[tuple[VirtualMachineVolumeRequest, ...], ATOMIC_LIST] = ()
    """Plugs and pulls not yet done."""
    volume_snapshot_statuses: tuple[VolumeSnapshotStatus, ...] = ()
    """Which volumes can be snapshot."""
    volume_update_state: VolumeUpdateState | None = None
    """Change of volumes under way."""
    memory_dump_request: Annotated[VirtualMachineMemoryDumpRequest | None, NULLABLE] = None
    """Memory dump asked for."""
    instancetype_ref: Annotated[InstancetypeStatusRef | None, NULLABLE] = None
    """Instance type in use."""
    preference_ref: Annotated[InstancetypeStatusRef | None, NULLABLE] = None
    """Preference in use."""
    changed_block_tracking: Annotated[ChangedBlockTrackingStatus | None, NULLABLE] = None
    """Whether changed blocks are recorded."""
