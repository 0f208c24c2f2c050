"""PersistentVolumeClaims: the spec that templates embed, and the facts about claims that status reports."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from api.marks import ATOMIC_LIST, ATOMIC_MAP, Mark, admission_enum
from api.meta import LabelSelector
from api.quantity import Quantity
from api.view import View

AccessMode = Annotated[str, admission_enum("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")]
VolumeMode = Annotated[str | None, admission_enum("Block", "Filesystem", "FromStorageProfile")]


class TypedLocalObjectReference(View, frozen=True, kw_only=True):
    """An object of any kind in the same namespace."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    kind: str
    """Its kind."""
    name: str
    """Its name."""
    api_group: str | None = None
    """Its API group; absent means the core group."""


class TypedObjectReference(View, frozen=True, kw_only=True):
    """An object of any kind in any namespace."""

    kind: str
    """What kind it is."""
    name: str
    """What it is called."""
    api_group: str | None = None
    """API group of the kind; absent means core."""
    namespace: str | None = None
    """Where it is; absent means here."""


class VolumeResourceRequirements(View, frozen=True, kw_only=True):
    """How much storage a claim asks for."""

    requests: dict[str, Quantity] = {}
    """At least this much, under key storage."""
    limits: dict[str, Quantity] = {}
    """At most this much."""


class PersistentVolumeClaimSpec(View, frozen=True, kw_only=True):
    """What a claim asks for."""

    access_modes: Annotated[tuple[AccessMode, ...], ATOMIC_LIST] = ()
    """By how many nodes, and how, it is mounted."""
    resources: VolumeResourceRequirements = VolumeResourceRequirements()
    """Size."""
    storage_class_name: str | None = None
    """StorageClass; empty asks for none, absent for the default."""
    volume_mode: VolumeMode = None
    """Filesystem or Block."""
    volume_name: str = ""
    """A particular PersistentVolume."""
    selector: LabelSelector | None = None
    """PersistentVolumes to choose from."""
    data_source: TypedLocalObjectReference | None = None
    """What to fill it with, in the same namespace."""
    data_source_ref: TypedObjectReference | None = None
    """What to fill it with, of any kind."""
    volume_attributes_class_name: str | None = None
    """VolumeAttributesClass to apply."""


class PersistentVolumeClaimInfo(View, frozen=True, kw_only=True):
    """What is known of a claim behind a volume."""

    claim_name: str = ""
    """Name of the claim."""
    access_modes: Annotated[tuple[AccessMode, ...], ATOMIC_LIST] = ()
    """Modes it was granted."""
    volume_mode: VolumeMode = None
    """Filesystem or Block."""
    capacity: dict[str, Quantity] = {}
    """Size it has."""
    requests: dict[str, Quantity] = {}
    """Size it asked for."""
    preallocated: bool = False
    """True when its blocks are set aside beforehand."""
    filesystem_overhead: Annotated[str | None, Mark(crd={"pattern": r"^(0(?:\.\d{1,3})?|1)$"})] = None
    """Share of the size the file system keeps for itself, 0 to 1."""


class StorageMigratedVolumeInfo(View, frozen=True, kw_only=True):
    """A volume that moves from one claim to another."""

    volume_name: str
    """Name of the volume."""
    source_pvc_info: PersistentVolumeClaimInfo | None = field(name="sourcePVCInfo", default=None)
    """Claim it leaves."""
    destination_pvc_info: PersistentVolumeClaimInfo | None = field(name="destinationPVCInfo", default=None)
    """Claim it goes to."""
