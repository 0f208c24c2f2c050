"""VirtualMachineClone: a copy of a VM under another name."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.claim import TypedLocalObjectReference
from api.marks import ATOMIC_LIST, NULLABLE, Time, crd_enum
from api.meta import Condition, ObjectMeta
from api.view import View


class VirtualMachineCloneTemplateFilters(View, frozen=True, kw_only=True):
    """What of the template's metadata is copied."""

    label_filters: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Patterns of labels; one with a leading ! keeps out."""
    annotation_filters: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Patterns of annotations; one with a leading ! keeps out."""


class VirtualMachineCloneSpec(View, frozen=True, kw_only=True):
    """What is copied, and what is different about the copy."""

    source: TypedLocalObjectReference
    """VM or snapshot."""
    target: TypedLocalObjectReference | None = None
    """Name of the copy; absent means a made-up one."""
    label_filters: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Patterns of the VM's labels to copy."""
    annotation_filters: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Patterns of the VM's annotations to copy."""
    template: VirtualMachineCloneTemplateFilters = VirtualMachineCloneTemplateFilters()
    """The same for the template."""
    new_mac_addresses: dict[str, str] = {}
    """MAC address by name of interface; the others are made anew."""
    new_sm_bios_serial: str | None = field(name="newSMBiosSerial", default=None)
    """Serial number; absent means a made-up one."""
    patches: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """JSON patches for the copy."""
    volume_name_policy: Annotated[str | None, crd_enum("RandomizeNames", "PrefixTargetName")] = None
    """How its claims are called."""


class VirtualMachineCloneStatus(View, frozen=True, kw_only=True):
    """How the copying goes."""

    phase: str = ""
    """SnapshotInProgress, CreatingTargetVM, RestoreInProgress, Succeeded, Failed or Unknown."""
    creation_time: Annotated[Time | None, NULLABLE] = None
    """When the copy was made."""
    target_name: Annotated[str | None, NULLABLE] = None
    """Name the copy has."""
    snapshot_name: Annotated[str | None, NULLABLE] = None
    """Snapshot it goes by."""
    restore_name: Annotated[str | None, NULLABLE] = None
    """Restore it goes by."""
    conditions: Annotated[tuple[Condition, ...], ATOMIC_LIST] = ()
    """Ready and Progressing."""


class VirtualMachineClone(View, frozen=True, kw_only=True):
    """The making of a copy."""

    api_version: str = ""
    """Group and version of the clone."""
    kind: str = ""
    """VirtualMachineClone."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the clone."""
    spec: VirtualMachineCloneSpec
    """What shall be copied how."""
    status: VirtualMachineCloneStatus = VirtualMachineCloneStatus()
    """How far it is."""
