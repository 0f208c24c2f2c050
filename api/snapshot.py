"""Snapshots of VMs: the wish for one, and what was kept."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.claim import PersistentVolumeClaimSpec, TypedLocalObjectReference
from api.marks import ATOMIC_LIST, NULLABLE, OPAQUE, OPEN, SET_LIST, Mark, Time
from api.meta import Condition, ObjectMeta
from api.view import View
from api.vm import VirtualMachineSpec
from api.vm_status import VirtualMachineStatus


class SnapshotError(View, frozen=True, kw_only=True):
    """The last thing that went wrong."""

    message: str | None = None
    """What it was."""
    time: Time | None = None
    """When it was."""


class SourceIndication(View, frozen=True, kw_only=True):
    """Something worth knowing about the moment of the snapshot."""

    indication: str
    """One word, such as Online or NoGuestAgent."""
    message: str
    """The same in a sentence."""


class SnapshotVolumesLists(View, frozen=True, kw_only=True):
    """Which volumes a snapshot holds."""

    included_volumes: Annotated[tuple[str, ...], SET_LIST] = ()
    """Those in it."""
    excluded_volumes: Annotated[tuple[str, ...], SET_LIST] = ()
    """Those whose storage cannot be snapshotted."""


class VirtualMachineSnapshotSpec(View, frozen=True, kw_only=True):
    """What is snapshotted, and what becomes of it."""

    source: TypedLocalObjectReference
    """The VM."""
    deletion_policy: str | None = None
    """Whether its content goes with it: Delete (the default) or Retain."""
    failure_deadline: str | None = None
    """How long it may take before it counts as failed, such as 5m (the default); 0 is without limit."""


class VirtualMachineSnapshotStatus(View, frozen=True, kw_only=True):
    """How far a snapshot has come."""

    phase: str = ""
    """InProgress, Succeeded, Failed, Deleting or Unknown."""
    ready_to_use: bool | None = None
    """True once a VM can be restored from it."""
    creation_time: Annotated[Time | None, NULLABLE] = None
    """Moment that it shows."""
    source_uid: str | None = field(name="sourceUID", default=None)
    """UID of the VM."""
    virtual_machine_snapshot_content_name: str | None = None
    """Object that holds what was kept."""
    indications: Annotated[tuple[str, ...], SET_LIST] = ()
    """Words about the state of the guest, without sentences."""
    source_indications: Annotated[tuple[SourceIndication, ...], ATOMIC_LIST] = ()
    """What the state of the guest was."""
    snapshot_volumes: SnapshotVolumesLists | None = None
    """Volumes in it and not in it."""
    conditions: Annotated[tuple[Condition, ...], ATOMIC_LIST] = ()
    """Ready, Progressing and Failure."""
    error: SnapshotError | None = None
    """What went wrong last."""


class VirtualMachineSnapshot(View, frozen=True, kw_only=True):
    """A VM and its disks as they were at one moment."""

    api_version: str = ""
    """Group and version of the snapshot."""
    kind: str = ""
    """VirtualMachineSnapshot."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the snapshot."""
    spec: VirtualMachineSnapshotSpec
    """What it is of."""
    status: VirtualMachineSnapshotStatus | None = None
    """How it goes."""


class SnapshotVirtualMachine(View, frozen=True, kw_only=True):
    """The VM as it was."""

    metadata: Annotated[ObjectMeta, OPAQUE] = ObjectMeta()
    """Its labels, annotations and names."""
    spec: VirtualMachineSpec | None = None
    """Its spec."""
    status: VirtualMachineStatus | None = None
    """Its status."""


class SourceSpec(View, frozen=True, kw_only=True):
    """What the content is of."""

    virtual_machine: SnapshotVirtualMachine | None = None
    """A VM."""


class SnapshotPersistentVolumeClaim(View, frozen=True, kw_only=True):
    """A claim as it was."""

    metadata: Annotated[ObjectMeta, Mark(crd={"opaque": True}), OPEN] = ObjectMeta()
    """Labels, annotations and names of the claim."""
    spec: PersistentVolumeClaimSpec | None = None
    """What it asked for."""


class VolumeBackup(View, frozen=True, kw_only=True):
    """One volume and where its data was kept."""

    volume_name: str
    """Name of the volume in the VM."""
    persistent_volume_claim: SnapshotPersistentVolumeClaim
    """Claim behind it."""
    volume_snapshot_name: str | None = None
    """VolumeSnapshot with the data."""


class VirtualMachineSnapshotContentSpec(View, frozen=True, kw_only=True):
    """What was kept."""

    source: SourceSpec
    """The VM's definition."""
    virtual_machine_snapshot_name: str | None = None
    """Snapshot that it belongs to."""
    volume_backups: Annotated[tuple[VolumeBackup, ...], ATOMIC_LIST] = ()
    """Data of the volumes."""


class VolumeSnapshotState(View, frozen=True, kw_only=True):
    """How the snapshot of one volume goes."""

    volume_snapshot_name: str
    """Name of the VolumeSnapshot."""
    creation_time: Annotated[Time | None, NULLABLE] = None
    """Moment the volume is shown at."""
    ready_to_use: bool | None = None
    """True once it can be read."""
    error: SnapshotError | None = None
    """What went wrong with it."""


class VirtualMachineSnapshotContentStatus(View, frozen=True, kw_only=True):
    """Whether all of it is kept."""

    creation_time: Annotated[Time | None, NULLABLE] = None
    """Moment it was taken at."""
    ready_to_use: bool | None = None
    """True once every volume is."""
    volume_snapshot_status: Annotated[tuple[VolumeSnapshotState, ...], ATOMIC_LIST] = ()
    """State of each volume."""
    error: SnapshotError | None = None
    """What failed."""


class VirtualMachineSnapshotContent(View, frozen=True, kw_only=True):
    """What a snapshot keeps; made by the system."""

    api_version: str = ""
    """Group and version of the content."""
    kind: str = ""
    """VirtualMachineSnapshotContent."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the content."""
    spec: VirtualMachineSnapshotContentSpec
    """VM and volumes as they were."""
    status: VirtualMachineSnapshotContentStatus | None = None
    """Whether it is complete."""
