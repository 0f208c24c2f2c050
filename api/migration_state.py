"""The course of one live migration, as the VMI and the migration object report it."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import ATOMIC_LIST, NULLABLE, Int, Int32, Int64, Mark, Time, UInt32, crd_enum
from api.quantity import Quantity
from api.view import View

AT_LEAST_1 = Mark(crd={"minimum": 1})
NOT_NEGATIVE = Mark(crd={"minimum": 0})
DOWNTIME = Mark(crd={"minimum": 1, "maximum": 2_000_000})


class DowntimeTuningOptions(View, frozen=True, kw_only=True):
    """How the allowed pause grows while a migration does not converge."""

    initial_ms: Annotated[Int64 | None, AT_LEAST_1] = None
    """Pause allowed at first, in milliseconds."""
    steps: Annotated[Int32 | None, AT_LEAST_1] = None
    """Steps from the first pause to the largest."""
    cooldown_seconds: Annotated[Int32 | None, AT_LEAST_1] = None
    """Seconds between two steps."""
    start_after_iteration: Annotated[Int64 | None, AT_LEAST_1] = None
    """Rounds of copying before the first step."""


class StallDetectorOptions(View, frozen=True, kw_only=True):
    """When a migration counts as stalled."""

    stall_margin: Annotated[Int64 | None, Mark(crd={"minimum": 0, "maximum": 100})] = None
    """Per cent by which the remainder must shrink to count as progress."""
    stall_progress_timeout: Annotated[Int64 | None, NOT_NEGATIVE] = None
    """Seconds without progress that count as stalled."""
    switchover_timeout: Annotated[Int64 | None, NOT_NEGATIVE] = None
    """Seconds the final switch may take."""
    search_local_minima: bool | None = None
    """True waits for a moment of little dirty memory before switching."""
    ewma_alpha: Quantity | None = None
    """Weight of the newest measurement in the moving average, 0 to 1."""
    completion_timeout_factor: Quantity | None = None
    """Multiple of the plain copying time that is allowed."""
    patience_window_decay_factor: Quantity | None = None
    """How fast patience shrinks, 0 to 1."""
    precopy_possible_factor: Quantity | None = None
    """Ratio of bandwidth to dirty rate that counts as hopeful."""


class ExperimentalMigrationOptions(View, frozen=True, kw_only=True):
    """Settings under trial."""

    compression: Annotated[str | None, crd_enum("none", "zstd")] = None
    """none or zstd."""
    downtime_tuning: DowntimeTuningOptions | None = None
    """How the allowed pause grows."""
    stall_detector: StallDetectorOptions | None = None
    """When a migration counts as stalled."""


class VMIMConfigurationOptions(View, frozen=True, kw_only=True):
    """The settings one migration ran with, after policies."""

    node_drain_taint_key: str | None = None
    """Taint that means a node is being drained."""
    parallel_outbound_migrations_per_node: UInt32 | None = None
    """Migrations leaving one node at a time."""
    parallel_migrations_per_cluster: UInt32 | None = None
    """Migrations in the cluster at a time."""
    allow_auto_converge: bool | None = None
    """Whether the guest is slowed down to converge."""
    bandwidth_per_migration: Quantity | None = None
    """Bytes a second one migration may use; 0 is unlimited."""
    completion_timeout_per_gib: Int64 | None = field(name="completionTimeoutPerGiB", default=None)
    """Seconds per GiB before it is given up."""
    progress_timeout: Int64 | None = None
    """Seconds without progress before it is given up."""
    unsafe_migration_override: bool | None = None
    """Whether libvirt's safety checks are skipped."""
    allow_post_copy: bool | None = None
    """Whether the guest may run on the target before all memory is there."""
    allow_workload_disruption: bool | None = None
    """Whether the guest may be paused when time runs out."""
    disable_tls: bool | None = field(name="disableTLS", default=None)
    """True sends memory unencrypted."""
    network: str | None = None
    """Network attachment the memory goes over."""
    match_selinux_level_on_migration: bool | None = field(name="matchSELinuxLevelOnMigration", default=None)
    """Whether the target must have the source's SELinux level."""
    utility_volumes_timeout: Int64 | None = None
    """Seconds to wait for utility volumes to go."""
    max_downtime_ms: Annotated[Int64 | None, DOWNTIME] = None
    """Longest pause at the switch, in milliseconds."""
    experimental: ExperimentalMigrationOptions | None = None
    """Settings under trial."""


class VirtualMachineInstanceMigrationSourceState(View, frozen=True, kw_only=True):
    """The side the guest leaves, in migrations between clusters or namespaces."""

    node: str = ""
    """Node of the source."""
    pod: str = ""
    """Pod of the source."""
    migration_uid: str = field(name="migrationUID", default="")
    """Migration object on that side."""
    virtual_machine_instance_uid: str | None = field(name="virtualMachineInstanceUID", default=None)
    """Instance on that side."""
    domain_name: str | None = None
    """libvirt's name of the domain."""
    domain_namespace: str | None = None
    """Namespace the domain is from."""
    selinux_context: str = ""
    """SELinux context of the pod."""
    persistent_state_pvc_name: str = field(name="persistentStatePVCName", default="")
    """Claim with the persistent state."""
    sync_address: str | None = None
    """Where the synchronisation controller listens."""
    node_selectors: dict[str, str] = {}
    """Labels the target's node must have for this guest's CPU."""


class VirtualMachineInstanceMigrationTargetState(View, frozen=True, kw_only=True):
    """The side the guest comes to, in migrations between clusters or namespaces."""

    node: str = ""
    """Node the guest comes to."""
    pod: str = ""
    """Pod the guest comes to."""
    migration_uid: str = field(name="migrationUID", default="")
    """Migration object there."""
    virtual_machine_instance_uid: str | None = field(name="virtualMachineInstanceUID", default=None)
    """Instance there."""
    domain_name: str | None = None
    """Name of the domain there."""
    domain_namespace: str | None = None
    """Namespace of the domain there."""
    selinux_context: str = ""
    """SELinux context there."""
    persistent_state_pvc_name: str = field(name="persistentStatePVCName", default="")
    """Claim for the persistent state there."""
    sync_address: str | None = None
    """Where the other synchronisation controller listens."""
    node_address: str | None = None
    """Address the source sends to."""
    node_topology: str | None = None
    """Topology of the node, for pinned CPUs."""
    cpu_set: Annotated[tuple[Int, ...], ATOMIC_LIST] = field(name="cpuSet", default=())
    """CPUs pinned there."""
    direct_migration_node_ports: dict[str, Int] = {}
    """Port on the node for each port of the launcher."""
    domain_detected: bool = False
    """True once the domain was seen there."""
    domain_ready_timestamp: Time | None = None
    """When the domain was ready to receive."""
    attachment_pod_uid: str | None = field(name="attachmentPodUID", default=None)
    """Pod that holds plugged volumes there."""


class VirtualMachineInstanceMigrationState(View, frozen=True, kw_only=True):
    """Where a migration stands."""

    migration_uid: str = ""
    """Migration object it belongs to."""
    start_timestamp: Annotated[Time | None, NULLABLE] = None
    """When it began."""
    end_timestamp: Annotated[Time | None, NULLABLE] = None
    """When it was over."""
    completed: bool = False
    """True once it is over, well or not."""
    failed: bool = False
    """True when it failed."""
    failure_reason: str = ""
    """Why it failed."""
    abort_requested: bool = False
    """True once its end was asked for."""
    abort_status: str = ""
    """Aborting, Succeeded or Failed."""
    mode: str = ""
    """PreCopy, PostCopy or Paused."""
    source_node: str = ""
    """Node left."""
    source_pod: str = ""
    """Pod left."""
    target_node: str = ""
    """Node reached."""
    target_pod: str = ""
    """Pod reached."""
    target_node_address: str = ""
    """Address the memory is sent to."""
    target_direct_migration_node_ports: dict[str, Int] = {}
    """For each port of the target's node, the launcher's port behind it."""
    target_node_domain_detected: bool = False
    """True once the target saw its domain."""
    target_node_domain_ready_timestamp: Time | None = None
    """When the target's domain ran."""
    target_attachment_pod_uid: str = field(name="targetAttachmentPodUID", default="")
    """Pod that holds plugged volumes on the target."""
    target_cpu_set: Annotated[tuple[Int, ...], ATOMIC_LIST] = field(name="targetCPUSet", default=())
    """CPUs pinned on the target."""
    target_node_topology: str = ""
    """Topology of the target's node."""
    target_memory_overhead: Quantity | None = None
    """Overhead reserved by the target's pod."""
    migration_policy_name: str | None = None
    """Policy that applied."""
    migration_configuration: VMIMConfigurationOptions | None = None
    """Settings it runs with."""
    migration_network_type: str = ""
    """Whether it goes over the pod or a migration network."""
    source_persistent_state_pvc_name: str = field(name="sourcePersistentStatePVCName", default="")
    """Claim with the persistent state, before."""
    target_persistent_state_pvc_name: str = field(name="targetPersistentStatePVCName", default="")
    """Claim with the persistent state, after."""
    source_state: VirtualMachineInstanceMigrationSourceState | None = None
    """The side left, between clusters."""
    target_state: VirtualMachineInstanceMigrationTargetState | None = None
    """The side reached, between clusters."""
