"""Volumes: where a guest's disks and files come from."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import field

from api.marks import ATOMIC_MAP, Int32, Mark, PullPolicy, default
from api.meta import LocalObjectReference
from api.quantity import Quantity
from api.view import View


class HostDisk(View, frozen=True, kw_only=True):
    """A disk image in a file of the node."""

    path: str
    """Where the file is, or shall be made."""
    type: str
    """Disk must exist, DiskOrCreate is made when missing."""
    capacity: Quantity | None = None
    """Bytes of an image that is made."""
    shared: bool | None = None
    """True for a path that several nodes share, which lets the VM migrate."""


class PersistentVolumeClaimVolumeSource(View, frozen=True, kw_only=True):
    """A claim in the VM's namespace."""

    claim_name: str
    """Name of the claim."""
    read_only: bool = False
    """True forbids writing."""
    hotpluggable: bool = False
    """True for a volume that was plugged in and can be pulled out."""


class EphemeralClaimSource(View, frozen=True, kw_only=True):
    """A claim that is only read."""

    claim_name: str
    """Name of the claim."""
    read_only: bool = False
    """True forbids writing."""


class EphemeralVolumeSource(View, frozen=True, kw_only=True):
    """A claim under a layer that takes the writes and is thrown away at stop."""

    persistent_volume_claim: EphemeralClaimSource | None = None
    """The claim below."""


class DataVolumeSource(View, frozen=True, kw_only=True):
    """The claim that a DataVolume fills."""

    name: str
    """Name of the DataVolume and of its claim."""
    hotpluggable: bool = False
    """True for a volume that was plugged in and can be pulled out."""


class ContainerDiskSource(View, frozen=True, kw_only=True):
    """A disk image inside a container image; writes are thrown away at stop."""

    image: str
    """Reference of the image."""
    image_pull_secret: str = ""
    """Secret with the registry's credentials."""
    path: str = ""
    """Where in the image the disk is; absent means the one file in /disk."""
    image_pull_policy: PullPolicy = ""
    """When to fetch the image."""


class ContainerPathVolumeSource(View, frozen=True, kw_only=True):
    """A directory of the launcher's container, shown to the guest as a file system."""

    path: Annotated[
        str,
        Mark(
            crd={
                "maxLength": 4096,
                "x-kubernetes-validations": [
                    {"rule": "self.startsWith('/')", "message": "path must be absolute (start with '/')"},
                    {"rule": "!self.contains('..')", "message": "path must not contain '..'"},
                ],
            }
        ),
    ]
    """The directory, absolute and without dots."""
    read_only: Annotated[
        bool | None,
        default(True),
        Mark(
            crd={
                "x-kubernetes-validations": [
                    {"rule": "self == true", "message": "readOnly must be true, write access is not supported"}
                ]
            }
        ),
    ] = None
    """Must be true: the guest cannot write there."""


class CloudInitNoCloudSource(View, frozen=True, kw_only=True):
    """A disk with user data in NoCloud form, found by its label cidata."""

    secret_ref: LocalObjectReference | None = None
    """Secret whose key userdata is the user data."""
    user_data_base64: str = field(name="userDataBase64", default="")
    """User data, base64."""
    user_data: str = ""
    """User data as plain text."""
    network_data_secret_ref: LocalObjectReference | None = None
    """Secret whose key networkdata is the network configuration."""
    network_data_base64: str = field(name="networkDataBase64", default="")
    """Network configuration, base64."""
    network_data: str = ""
    """Network configuration as plain text."""


class CloudInitConfigDriveSource(View, frozen=True, kw_only=True):
    """A disk with user data in OpenStack form, found by its label config-2."""

    secret_ref: LocalObjectReference | None = None
    """Secret that holds the user data under userdata."""
    user_data_base64: str = field(name="userDataBase64", default="")
    """User data in base64."""
    user_data: str = ""
    """User data, readable."""
    network_data_secret_ref: LocalObjectReference | None = None
    """Secret that holds the network configuration under networkdata."""
    network_data_base64: str = field(name="networkDataBase64", default="")
    """Network configuration in base64."""
    network_data: str = ""
    """Network configuration, readable."""


class SysprepSource(View, frozen=True, kw_only=True):
    """A CD with answer files for the set-up of Windows; one of the two."""

    secret: LocalObjectReference | None = None
    """Secret whose keys are the files."""
    config_map: LocalObjectReference | None = None
    """ConfigMap whose keys are the files."""


class EmptyDiskSource(View, frozen=True, kw_only=True):
    """A blank disk that lives as long as the VM instance."""

    capacity: Quantity
    """Bytes of the disk."""


class ConfigMapVolumeSource(View, frozen=True, kw_only=True):
    """A disk with the keys of a ConfigMap as files."""

    schema_mark: ClassVar[Mark] = Mark(crd=ATOMIC_MAP.crd)

    name: Annotated[str, default("")] = ""
    """Name of the ConfigMap."""
    optional: bool | None = None
    """True starts the VM without it too."""
    volume_label: str = ""
    """Label of the file system on the disk."""


class SecretVolumeSource(View, frozen=True, kw_only=True):
    """A disk with the keys of a Secret as files."""

    secret_name: str = ""
    """Name of the Secret."""
    optional: bool | None = None
    """True starts the VM without the Secret too."""
    volume_label: str = ""
    """Label of the disk's file system."""


class ObjectFieldSelector(View, frozen=True, kw_only=True):
    """A field of the pod."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    field_path: str
    """Path of the field, such as metadata.labels."""
    api_version: str = ""
    """Version the path is meant in; absent means v1."""


class ResourceFieldSelector(View, frozen=True, kw_only=True):
    """A resource of a container."""

    schema_mark: ClassVar[Mark] = ATOMIC_MAP

    resource: str
    """Which resource, such as limits.cpu."""
    container_name: str = ""
    """Whose resource."""
    divisor: Quantity | None = None
    """Unit to print it in; absent means 1."""


class DownwardAPIVolumeFile(View, frozen=True, kw_only=True):
    """A file with something about the pod; one of the two sources."""

    path: str
    """Relative path of the file."""
    field_ref: ObjectFieldSelector | None = None
    """A field as content."""
    resource_field_ref: ResourceFieldSelector | None = None
    """A resource as content."""
    mode: Int32 | None = None
    """Permission bits of the file."""


class DownwardAPIVolumeSource(View, frozen=True, kw_only=True):
    """A disk with files about the pod."""

    fields: tuple[DownwardAPIVolumeFile, ...] = ()
    """The files."""
    volume_label: str = ""
    """Label of the file system."""


class ServiceAccountVolumeSource(View, frozen=True, kw_only=True):
    """A disk with the token of a service account."""

    service_account_name: str = ""
    """Name of the service account; the pod runs under it too."""


class DownwardMetricsVolumeSource(View, frozen=True, kw_only=True):
    """A disk with metrics of the host, refreshed while the guest runs."""


class MemoryDumpVolumeSource(View, frozen=True, kw_only=True):
    """A claim into which the guest's memory is dumped."""

    claim_name: str
    """Name of the claim."""
    read_only: bool = False
    """True forbids writing."""
    hotpluggable: bool = False
    """True, for it is plugged in for the dump."""


class Volume(View, frozen=True, kw_only=True):
    """A named source; exactly one kind of it."""

    name: str
    """Name that disks and file systems refer to."""
    host_disk: HostDisk | None = None
    """Image in a file of the node."""
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    """Claim."""
    cloud_init_no_cloud: CloudInitNoCloudSource | None = None
    """User data in NoCloud form."""
    cloud_init_config_drive: CloudInitConfigDriveSource | None = None
    """User data in OpenStack form."""
    sysprep: SysprepSource | None = None
    """Answer files for Windows."""
    container_disk: ContainerDiskSource | None = None
    """Image in a container image."""
    container_path: ContainerPathVolumeSource | None = None
    """Directory of the launcher's container."""
    ephemeral: EphemeralVolumeSource | None = None
    """Claim whose changes are thrown away."""
    empty_disk: EmptyDiskSource | None = None
    """Blank disk."""
    data_volume: DataVolumeSource | None = None
    """Claim filled by a DataVolume."""
    config_map: ConfigMapVolumeSource | None = None
    """Files of a ConfigMap."""
    secret: SecretVolumeSource | None = None
    """Files of a Secret."""
    downward_api: DownwardAPIVolumeSource | None = field(name="downwardAPI", default=None)
    """Files about the pod."""
    service_account: ServiceAccountVolumeSource | None = None
    """Token of a service account."""
    downward_metrics: DownwardMetricsVolumeSource | None = None
    """Metrics of the host."""
    memory_dump: MemoryDumpVolumeSource | None = None
    """Claim for a memory dump."""


class UtilityVolume(View, frozen=True, kw_only=True):
    """A claim mounted into the launcher for the VM's helpers; the guest does not see it."""

    name: str
    """Name, unique among all volumes."""
    claim_name: str
    """Name of the claim."""
    read_only: bool = False
    """True forbids writing."""
    type: str | None = None
    """What it is for, such as MemoryDump or Backup."""
