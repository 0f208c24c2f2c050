"""Backups of VMs: one backup, and the tracker of a chain of them."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.claim import TypedLocalObjectReference
from api.marks import ATOMIC_LIST, NULLABLE, Int64, Mark, Time, crd_enum, map_list
from api.meta import ObjectMeta
from api.view import View


def _must(rule: str, message: str) -> dict[str, str]:
    return {"rule": rule, "message": message}


def _rules(*rules: dict[str, str]) -> Mark:
    """What the API server asks beyond types, in CEL."""
    return Mark(crd={"x-kubernetes-validations": list(rules)})


_FIXED = _must("self == oldSelf", "spec is immutable after creation")
_NAMED = _must("self.name != ''", "name is required")
_BACKUP_SOURCE = _rules(
    _must("has(self.apiGroup)", "apiGroup is required"),
    _must(
        "!has(self.apiGroup) || self.apiGroup in ['kubevirt.io', 'backup.kubevirt.io']",
        "apiGroup must be kubevirt.io or backup.kubevirt.io",
    ),
    _must(
        "!has(self.apiGroup) || self.kind == (self.apiGroup == 'kubevirt.io' ? 'VirtualMachine' :"
        " 'VirtualMachineBackupTracker')",
        "kind must be VirtualMachine for kubevirt.io or VirtualMachineBackupTracker for backup.kubevirt.io",
    ),
    _NAMED,
)
_TRACKER_SOURCE = _rules(
    _must("has(self.apiGroup) && self.apiGroup == 'kubevirt.io'", "apiGroup must be kubevirt.io"),
    _must("self.kind == 'VirtualMachine'", "kind must be VirtualMachine"),
    _NAMED,
)
_BACKUP = _rules(
    _FIXED,
    _must("has(self.pvcName) && self.pvcName != ''", "pvcName is required"),
    _must(
        "!has(self.mode) || self.mode != 'Pull' || (has(self.tokenSecretRef) && self.tokenSecretRef != '')",
        "tokenSecretRef is required when mode is Pull",
    ),
)


class MetaCondition(View, frozen=True, kw_only=True):
    """One aspect of an object, in the form that Kubernetes gives it since 1.19."""

    type: str
    """What it is about."""
    status: Annotated[str, crd_enum("True", "False", "Unknown")]
    """How it is: True, False or Unknown."""
    reason: str
    """Why, in one word."""
    message: str
    """Why, in a sentence."""
    last_transition_time: Time
    """When it last changed."""
    observed_generation: Int64 = 0
    """Generation of the object that was looked at."""


class BackupVolumeInfo(View, frozen=True, kw_only=True):
    """A volume in a backup."""

    volume_name: str
    """Name of the volume in the instance."""
    data_endpoint: str = ""
    """Where its data is, in pull mode."""
    map_endpoint: str = ""
    """Where the map of its changed blocks is, in pull mode."""


class BackupCheckpoint(View, frozen=True, kw_only=True):
    """The moment from which the next backup counts changes."""

    name: str = ""
    """Name of the checkpoint."""
    creation_time: Time | None = None
    """When the checkpoint was made."""
    volumes: Annotated[tuple[BackupVolumeInfo, ...], ATOMIC_LIST] = ()
    """Volumes it covers."""


class VirtualMachineBackupSpec(View, frozen=True, kw_only=True):
    """What is backed up where."""

    source: Annotated[TypedLocalObjectReference, _BACKUP_SOURCE]
    """A VM, or a tracker, which makes it incremental."""
    mode: Annotated[str | None, crd_enum("Push", "Pull")] = None
    """Push (the default) writes to the claim, Pull lets others fetch."""
    pvc_name: str | None = None
    """Claim to write to."""
    force_full_backup: bool = False
    """True saves everything in any case."""
    skip_quiesce: bool = False
    """True does not bring the guest's file systems to rest."""
    token_secret_ref: str | None = None
    """Secret whose token those show who fetch."""
    ttl_duration: str | None = None
    """How long it may be fetched."""


class VirtualMachineBackupStatus(View, frozen=True, kw_only=True):
    """How the backup goes."""

    type: str = ""
    """Full or Incremental."""
    conditions: Annotated[tuple[MetaCondition, ...], map_list("type")] = ()
    """Progressing, Complete or Failed, and Quiesced."""
    checkpoint_name: str | None = None
    """Checkpoint it left."""
    included_volumes: Annotated[tuple[BackupVolumeInfo, ...], ATOMIC_LIST] = ()
    """Volumes in it."""
    endpoint_cert: str | None = None
    """Certificate of the place it is fetched from."""
    export_uid: str | None = field(name="exportUID", default=None)
    """UID of the export that offers it."""


class VirtualMachineBackup(View, frozen=True, kw_only=True):
    """One backup of a VM."""

    api_version: str = ""
    """Group and version of the backup."""
    kind: str = ""
    """VirtualMachineBackup."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the backup."""
    spec: Annotated[VirtualMachineBackupSpec, _BACKUP]
    """What it is of."""
    status: Annotated[VirtualMachineBackupStatus | None, NULLABLE] = None
    """How far the backup is."""


class VirtualMachineBackupTrackerSpec(View, frozen=True, kw_only=True):
    """Whose backups are tracked."""

    source: Annotated[TypedLocalObjectReference, _TRACKER_SOURCE]
    """The VM that is backed up."""


class VirtualMachineBackupTrackerStatus(View, frozen=True, kw_only=True):
    """Where the chain has come to."""

    latest_checkpoint: BackupCheckpoint | None = None
    """Checkpoint of the latest backup."""
    checkpoint_redefinition_required: bool | None = None
    """True while libvirt has to be told of it again, after a restart of the VM."""


class VirtualMachineBackupTracker(View, frozen=True, kw_only=True):
    """A chain of backups of one VM."""

    api_version: str = ""
    """Group and version of the tracker."""
    kind: str = ""
    """VirtualMachineBackupTracker."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the tracker."""
    spec: Annotated[VirtualMachineBackupTrackerSpec, _rules(_FIXED)]
    """Which VM."""
    status: VirtualMachineBackupTrackerStatus | None = None
    """How the chain stands."""
