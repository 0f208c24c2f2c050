"""VirtualMachineExport: disks of a VM, a snapshot or a claim, offered for download."""

from __future__ import annotations

from typing import Annotated

from api.claim import TypedLocalObjectReference
from api.marks import ATOMIC_LIST, Time, map_list
from api.meta import Condition, ObjectMeta
from api.view import View


class VirtualMachineExportVolumeFormat(View, frozen=True, kw_only=True):
    """One form in which a volume is offered."""

    format: str
    """raw, gzip, dir or tar.gz."""
    url: str
    """Where it is."""


class VirtualMachineExportVolume(View, frozen=True, kw_only=True):
    """One volume on offer."""

    name: str
    """Name of the claim."""
    formats: Annotated[tuple[VirtualMachineExportVolumeFormat, ...], map_list("format")] = ()
    """Forms it is offered in."""


class VirtualMachineExportManifest(View, frozen=True, kw_only=True):
    """Objects on offer, from which the VM can be made elsewhere."""

    type: str
    """all, auth-header-secret or oci."""
    url: str
    """Where they are."""


class VirtualMachineExportBackupEndpoint(View, frozen=True, kw_only=True):
    """One service of a backup."""

    endpoint: str
    """data or map."""
    url: str
    """Where it answers."""


class VirtualMachineExportBackup(View, frozen=True, kw_only=True):
    """A backup on offer."""

    name: str
    """Name of the volume backed up."""
    endpoints: Annotated[tuple[VirtualMachineExportBackupEndpoint, ...], map_list("endpoint")] = ()
    """Its services."""


class VirtualMachineExportLink(View, frozen=True, kw_only=True):
    """Everything on offer at one door."""

    cert: str
    """Certificate of its server, PEM."""
    volumes: Annotated[tuple[VirtualMachineExportVolume, ...], map_list("name")] = ()
    """Volumes."""
    manifests: Annotated[tuple[VirtualMachineExportManifest, ...], map_list("type")] = ()
    """Manifests."""
    backups: Annotated[tuple[VirtualMachineExportBackup, ...], map_list("name")] = ()
    """Backups."""


class VirtualMachineExportLinks(View, frozen=True, kw_only=True):
    """The two doors."""

    internal: VirtualMachineExportLink | None = None
    """From inside the cluster."""
    external: VirtualMachineExportLink | None = None
    """From outside."""


class VirtualMachineExportSpec(View, frozen=True, kw_only=True):
    """What is offered, to whom and for how long."""

    source: TypedLocalObjectReference
    """VM, VirtualMachineSnapshot, PersistentVolumeClaim or VirtualMachineBackup."""
    token_secret_ref: str | None = None
    """Secret whose key `token` a download must show; absent means one is made."""
    ttl_duration: str | None = None
    """How long the offer stands, such as 2h (the default)."""


class VirtualMachineExportStatus(View, frozen=True, kw_only=True):
    """How the offer stands."""

    phase: str = ""
    """Pending, Ready, Terminated or Skipped."""
    links: VirtualMachineExportLinks | None = None
    """Where to download."""
    token_secret_ref: str | None = None
    """Secret with the token that counts."""
    ttl_expiration_time: Time | None = None
    """When the offer ends."""
    service_name: str = ""
    """Service of the server."""
    virtual_machine_name: str | None = None
    """VM that it came from, if known."""
    conditions: Annotated[tuple[Condition, ...], ATOMIC_LIST] = ()
    """Ready, and what is in the way."""


class VirtualMachineExport(View, frozen=True, kw_only=True):
    """An offer of disks for download."""

    api_version: str = ""
    """Group and version of the export."""
    kind: str = ""
    """VirtualMachineExport."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the export."""
    spec: VirtualMachineExportSpec
    """What is on offer."""
    status: VirtualMachineExportStatus | None = None
    """How it stands."""
