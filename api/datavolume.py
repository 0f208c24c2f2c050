"""DataVolumes that a VM makes for itself: the part of CDI's API that `dataVolumeTemplates` embed."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.claim import (
    AccessMode,
    PersistentVolumeClaimSpec,
    TypedLocalObjectReference,
    TypedObjectReference,
    VolumeMode,
    VolumeResourceRequirements,
)
from api.marks import NULLABLE, OPAQUE, crd_enum
from api.meta import LabelSelector, ObjectMeta
from api.view import View


class DataVolumeCheckpoint(View, frozen=True, kw_only=True):
    """One step of an import that copies in stages."""

    previous: str
    """Snapshot copied last; empty at the first step."""
    current: str
    """Snapshot to copy up to."""


class DataVolumeBlankImage(View, frozen=True, kw_only=True):
    """An empty image."""


class DataVolumeSourceUpload(View, frozen=True, kw_only=True):
    """An upload by a client."""


class DataVolumeSourceGCS(View, frozen=True, kw_only=True):
    """An object in Google Cloud Storage."""

    url: str
    """Address of the object."""
    secret_ref: str = ""
    """Secret with the credentials."""


class DataVolumeSourceHTTP(View, frozen=True, kw_only=True):
    """A file on a web server."""

    url: str
    """Address of the file."""
    secret_ref: str = ""
    """Secret with user and password."""
    cert_config_map: str = ""
    """ConfigMap with the server's CA."""
    extra_headers: tuple[str, ...] = ()
    """Headers to send."""
    secret_extra_headers: tuple[str, ...] = ()
    """Secrets with headers to send."""


class DataVolumeSourceImageIO(View, frozen=True, kw_only=True):
    """A disk of oVirt, by ImageIO."""

    url: str
    """Address of the engine."""
    disk_id: str
    """Disk to copy."""
    secret_ref: str = ""
    """Secret for the engine."""
    cert_config_map: str = ""
    """ConfigMap with the engine's CA."""
    insecure_skip_verify: bool | None = None
    """True trusts any certificate."""


class DataVolumeSourcePVC(View, frozen=True, kw_only=True):
    """Another claim."""

    name: str
    """Name of the claim."""
    namespace: str
    """Namespace of the claim."""


class DataVolumeSourceSnapshot(View, frozen=True, kw_only=True):
    """A VolumeSnapshot."""

    name: str
    """Name of the snapshot."""
    namespace: str
    """Namespace of the snapshot."""


class PlatformOptions(View, frozen=True, kw_only=True):
    """Which image of a multi-platform one."""

    architecture: str = ""
    """CPU architecture."""


class DataVolumeSourceRegistry(View, frozen=True, kw_only=True):
    """A disk in a container image."""

    url: str | None = None
    """docker:// or oci-archive:// address."""
    image_stream: str | None = None
    """ImageStream in place of an address."""
    pull_method: str | None = None
    """pod downloads in CDI's pod, node on the node."""
    secret_ref: str | None = None
    """Secret for the registry."""
    cert_config_map: str | None = None
    """ConfigMap with the registry's CA."""
    platform: PlatformOptions | None = None
    """Which platform."""


class DataVolumeSourceS3(View, frozen=True, kw_only=True):
    """An object in S3."""

    url: str
    """Address in the bucket."""
    secret_ref: str = ""
    """Secret with the keys."""
    cert_config_map: str = ""
    """ConfigMap with the CA."""


class DataVolumeSourceVDDK(View, frozen=True, kw_only=True):
    """A disk of VMware, by VDDK."""

    url: str = ""
    """Address of vCenter or host."""
    uuid: str = ""
    """UUID of the VM there."""
    backing_file: str = ""
    """Path of its disk."""
    thumbprint: str = ""
    """Fingerprint of the server's certificate."""
    secret_ref: str = ""
    """Secret for the server."""
    init_image_url: str = field(name="initImageURL", default="")
    """Image that holds the VDDK library."""
    extra_args: str = ""
    """ConfigMap with further arguments."""


class DataVolumeSource(View, frozen=True, kw_only=True):
    """Where the content comes from; one of these."""

    blank: DataVolumeBlankImage | None = None
    """Nothing."""
    http: DataVolumeSourceHTTP | None = None
    """Web server."""
    s3: DataVolumeSourceS3 | None = None
    """S3."""
    gcs: DataVolumeSourceGCS | None = None
    """Google."""
    registry: DataVolumeSourceRegistry | None = None
    """Container image."""
    pvc: DataVolumeSourcePVC | None = None
    """Claim."""
    snapshot: DataVolumeSourceSnapshot | None = None
    """Snapshot."""
    upload: DataVolumeSourceUpload | None = None
    """Upload."""
    imageio: DataVolumeSourceImageIO | None = None
    """oVirt."""
    vddk: DataVolumeSourceVDDK | None = None
    """VMware."""


class DataVolumeSourceRef(View, frozen=True, kw_only=True):
    """A DataSource that says where the content comes from."""

    kind: str
    """DataSource."""
    name: str
    """Name of the DataSource."""
    namespace: str | None = None
    """Namespace of the DataSource; absent means the VM's."""


class StorageSpec(View, frozen=True, kw_only=True):
    """What the claim asks for; CDI fills in what is left open."""

    access_modes: tuple[AccessMode, ...] = ()
    """Modes; none lets CDI choose."""
    resources: VolumeResourceRequirements = VolumeResourceRequirements()
    """Size; absent means that of the source."""
    storage_class_name: str | None = None
    """StorageClass; absent means the default."""
    volume_mode: VolumeMode = None
    """Filesystem or Block; absent lets CDI choose."""
    volume_name: str = ""
    """A particular volume."""
    selector: LabelSelector | None = None
    """Volumes to choose from."""
    data_source: TypedLocalObjectReference | None = None
    """What to fill it with."""
    data_source_ref: TypedObjectReference | None = None
    """What to fill it with, from anywhere."""


class DataVolumeSpec(View, frozen=True, kw_only=True):
    """A claim and its content."""

    source: DataVolumeSource | None = None
    """Content."""
    source_ref: DataVolumeSourceRef | None = None
    """Content, by DataSource."""
    pvc: PersistentVolumeClaimSpec | None = None
    """Claim, in full."""
    storage: StorageSpec | None = None
    """Claim, with gaps for CDI."""
    content_type: Annotated[str, crd_enum("kubevirt", "archive")] = ""
    """kubevirt for a disk image, archive for a tar of files."""
    checkpoints: tuple[DataVolumeCheckpoint, ...] = ()
    """Steps of an import in stages."""
    final_checkpoint: bool = False
    """True when the last step is the last."""
    preallocation: bool | None = None
    """True sets all blocks aside."""
    priority_class_name: str = ""
    """PriorityClass of CDI's pods."""


class DataVolumeTemplateDummyStatus(View, frozen=True, kw_only=True):
    """Nothing: it only lets a whole DataVolume be pasted as a template."""


class DataVolumeTemplateSpec(View, frozen=True, kw_only=True):
    """A DataVolume to make with the VM and to delete with it."""

    api_version: str = ""
    """cdi.kubevirt.io/v1beta1."""
    kind: str = ""
    """DataVolume."""
    metadata: Annotated[ObjectMeta, OPAQUE] = ObjectMeta()
    """Name and labels of the DataVolume."""
    spec: DataVolumeSpec
    """Claim and content."""
    status: Annotated[DataVolumeTemplateDummyStatus | None, NULLABLE] = None
    """Ignored."""
