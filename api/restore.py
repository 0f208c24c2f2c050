"""VirtualMachineRestore: a VM put back to a snapshot, or made anew from one."""

from __future__ import annotations

from typing import Annotated

from api.claim import TypedLocalObjectReference
from api.marks import ATOMIC_LIST, SET_LIST, Time, crd_enum, default
from api.meta import Condition, ObjectMeta
from api.view import View

_READINESS = crd_enum("StopTarget", "WaitGracePeriod", "FailImmediate", "WaitEventually")


class VolumeRestoreOverride(View, frozen=True, kw_only=True):
    """What is different about one restored claim."""

    volume_name: str = ""
    """Volume it is for."""
    restore_name: str = ""
    """Name of the claim; absent means a made-up one."""
    labels: dict[str, str] = {}
    """Labels it gets."""
    annotations: dict[str, str] = {}
    """Annotations it gets."""


class VirtualMachineRestoreSpec(View, frozen=True, kw_only=True):
    """Which snapshot goes where."""

    target: TypedLocalObjectReference
    """VM to overwrite, or to make."""
    virtual_machine_snapshot_name: str
    """Snapshot to restore."""
    target_readiness_policy: Annotated[str | None, _READINESS, default("WaitGracePeriod")] = None
    """What to do while the VM still runs: stop it, wait five minutes, fail, or wait for ever."""
    volume_restore_policy: str | None = None
    """How restored claims are called: RandomizeNames (the default), InPlace or PrefixTargetName."""
    volume_ownership_policy: str | None = None
    """Who owns restored claims: Vm (the default) or None."""
    volume_restore_overrides: Annotated[tuple[VolumeRestoreOverride, ...], ATOMIC_LIST] = ()
    """Exceptions for single volumes."""
    patches: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """JSON patches for the VM."""


class VolumeRestore(View, frozen=True, kw_only=True):
    """One volume that was restored."""

    volume_name: str
    """Volume of the VM."""
    persistent_volume_claim: str
    """Claim with its data."""
    volume_snapshot_name: str
    """Where its data came from."""
    data_volume_name: str | None = None
    """DataVolume around the claim, if there is one."""


class VirtualMachineRestoreStatus(View, frozen=True, kw_only=True):
    """How the restore goes."""

    complete: bool | None = None
    """True once done."""
    restore_time: Time | None = None
    """When it was done."""
    restores: Annotated[tuple[VolumeRestore, ...], ATOMIC_LIST] = ()
    """Volumes, one by one."""
    deleted_data_volumes: Annotated[tuple[str, ...], SET_LIST] = ()
    """DataVolumes that had to go."""
    conditions: Annotated[tuple[Condition, ...], ATOMIC_LIST] = ()
    """Ready and Progressing."""


class VirtualMachineRestore(View, frozen=True, kw_only=True):
    """A return to a snapshot."""

    api_version: str = ""
    """Group and version of the restore."""
    kind: str = ""
    """VirtualMachineRestore."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the restore."""
    spec: VirtualMachineRestoreSpec
    """What goes where."""
    status: VirtualMachineRestoreStatus | None = None
    """How far it is."""
