"""What is the case with a VirtualMachineInstance."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.backup import ChangedBlockTrackingStatus
from api.claim import PersistentVolumeClaimInfo, StorageMigratedVolumeInfo
from api.cpu_memory import CPUTopology, MemoryStatus
from api.firmware_clock import Machine
from api.marks import ATOMIC_LIST, NULLABLE, UINT32_RANGE, Int32, Int64, Time, admission_enum
from api.meta import Condition
from api.migration_state import VirtualMachineInstanceMigrationState
from api.view import View


class VirtualMachineInstanceGuestOSInfo(View, frozen=True, kw_only=True):
    """The guest's operating system, as its agent tells."""

    name: str = ""
    """Name, such as Debian GNU/Linux."""
    kernel_release: str = ""
    """Release of the kernel."""
    version: str = ""
    """Version with its code name."""
    pretty_name: str = ""
    """Name and version in one."""
    version_id: str = ""
    """Version as a number."""
    kernel_version: str = ""
    """Build of the kernel."""
    machine: str = ""
    """CPU architecture."""
    id: str = ""
    """Short name, such as debian."""


class VirtualMachineInstanceNetworkInterface(View, frozen=True, kw_only=True):
    """A network card as seen from outside and, by the agent, from inside."""

    ip_address: str = ""
    """First address."""
    mac: str = ""
    """Hardware address."""
    name: str = ""
    """Name of the interface in the spec; empty for cards only the guest knows."""
    ip_addresses: tuple[str, ...] = ()
    """All addresses."""
    pod_interface_name: str = ""
    """Name of the link in the pod."""
    interface_name: str = ""
    """Name inside the guest."""
    info_source: str = ""
    """Who said so: domain, guest-agent, multus-status, joined by comma and space."""
    queue_count: Int32 = 0
    """Number of queues."""
    link_state: str = ""
    """up or down."""


class KernelInfo(View, frozen=True, kw_only=True):
    """The kernel that was booted."""

    checksum: Annotated[Int64, UINT32_RANGE] = 0
    """CRC-32 of the file."""


class InitrdInfo(View, frozen=True, kw_only=True):
    """The initrd that was booted."""

    checksum: Annotated[Int64, UINT32_RANGE] = 0
    """CRC-32 of the initrd."""


class KernelBootStatus(View, frozen=True, kw_only=True):
    """What was booted from an image, to find the same again."""

    kernel_info: KernelInfo | None = None
    """The kernel."""
    initrd_info: InitrdInfo | None = None
    """The initrd."""


class VirtualMachineInstancePhaseTransitionTimestamp(View, frozen=True, kw_only=True):
    """When a phase was entered."""

    phase: str = ""
    """Phase."""
    phase_transition_timestamp: Time | None = None
    """When it began."""


class TopologyHints(View, frozen=True, kw_only=True):
    """What the node must offer."""

    tsc_frequency: Int64 | None = None
    """Frequency of the time stamp counter, in Hz."""


class ContainerDiskInfo(View, frozen=True, kw_only=True):
    """The image behind a containerDisk."""

    checksum: Annotated[Int64, UINT32_RANGE] = 0
    """CRC-32 of the image file."""


class HotplugVolumeStatus(View, frozen=True, kw_only=True):
    """The pod that brought a plugged volume to the node."""

    attach_pod_name: str = ""
    """Its name."""
    attach_pod_uid: str = field(name="attachPodUID", default="")
    """Its UID."""


class DomainMemoryDumpInfo(View, frozen=True, kw_only=True):
    """A memory dump."""

    start_timestamp: Time | None = None
    """When dumping began."""
    end_timestamp: Time | None = None
    """When dumping ended."""
    claim_name: str = ""
    """Claim it is on."""
    target_file_name: str = ""
    """File it is in."""


class VolumeStatus(View, frozen=True, kw_only=True):
    """How a volume is doing."""

    name: str
    """Name of the volume."""
    target: str
    """Device in the guest, such as sda."""
    phase: str = ""
    """How far a plugged volume got: Pending, Bound, AttachedToNode, MountedToPod, Ready, Detaching, ..."""
    reason: str = ""
    """Why, in one word."""
    message: str = ""
    """Why, in a sentence."""
    persistent_volume_claim_info: PersistentVolumeClaimInfo | None = None
    """Facts about its claim."""
    hotplug_volume: HotplugVolumeStatus | None = None
    """Set when it was plugged in."""
    size: Int64 = 0
    """Bytes."""
    memory_dump_volume: DomainMemoryDumpInfo | None = None
    """Set when it takes a memory dump."""
    container_disk_volume: ContainerDiskInfo | None = None
    """Set when it comes from an image."""


class VirtualMachineInstanceStatus(View, frozen=True, kw_only=True):
    """The instance as it is."""

    phase: str = ""
    """Pending, Scheduling, Scheduled, Running, Succeeded, Failed, WaitingForSync or Unknown."""
    reason: str = ""
    """Why, in one word, where the phase alone does not tell."""
    conditions: tuple[Condition, ...] = ()
    """Aspects, one per type."""
    node_name: str = ""
    """Node it runs on."""
    phase_transition_timestamps: Annotated[tuple[VirtualMachineInstancePhaseTransitionTimestamp, ...], ATOMIC_LIST] = ()
    """When each phase began."""
    interfaces: tuple[VirtualMachineInstanceNetworkInterface, ...] = ()
    """Network cards; the one on the pod network first."""
    guest_os_info: VirtualMachineInstanceGuestOSInfo = field(
        name="guestOSInfo", default=VirtualMachineInstanceGuestOSInfo()
    )
    """Operating system."""
    volume_status: Annotated[tuple[VolumeStatus, ...], ATOMIC_LIST] = ()
    """Volumes, by name."""
    active_pods: dict[str, str] = {}
    """Launcher pods that live: UID to node."""
    launcher_container_image_version: str = ""
    """Image of the launcher."""
    qos_class: Annotated[str | None, admission_enum("BestEffort", "Burstable", "Guaranteed")] = None
    """Quality of service of the pod."""
    migration_state: VirtualMachineInstanceMigrationState | None = None
    """The latest migration."""
    migration_method: str = ""
    """BlockMigration or LiveMigration."""
    migration_transport: str = ""
    """Unix."""
    evacuation_node_name: str = ""
    """Node to be left, once its eviction was asked for."""
    kernel_boot_status: KernelBootStatus | None = None
    """What was booted from an image."""
    fs_freeze_status: str = ""
    """frozen while the guest's file systems are held still."""
    topology_hints: TopologyHints | None = None
    """What the node must offer."""
    virtual_machine_revision_name: str = ""
    """ControllerRevision of the VM it was made from."""
    runtime_user: Int64 = 0
    """User id of the launcher: 107, or 0 for root."""
    vsock_cid: Annotated[Int64 | None, UINT32_RANGE] = field(name="VSOCKCID", default=None)
    """Its address on the host's virtual sockets."""
    selinux_context: str = ""
    """SELinux context of the launcher."""
    machine: Machine | None = None
    """Board it really has."""
    current_cpu_topology: CPUTopology | None = field(name="currentCPUTopology", default=None)
    """vCPUs it has now."""
    memory: MemoryStatus | None = None
    """Memory it has now."""
    migrated_volumes: Annotated[tuple[StorageMigratedVolumeInfo, ...], ATOMIC_LIST] = ()
    """Volumes on their way to other claims."""
    changed_block_tracking: Annotated[ChangedBlockTrackingStatus | None, NULLABLE] = None
    """Recording of changed blocks."""
