"""Cluster-wide configuration: how every VM of this installation is run, where its own spec says nothing."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.configuration_components import (
    CommonInstancetypesDeployment,
    ReloadableComponentConfiguration,
    SeccompConfiguration,
    SupportContainerResources,
    TLSConfiguration,
    VirtTemplateDeployment,
)
from api.configuration_devices import MediatedDevicesConfiguration, PermittedHostDevices
from api.configuration_migration import MigrationConfiguration
from api.configuration_network import NetworkConfiguration
from api.configuration_node import ArchConfiguration, DeveloperConfiguration, KSMConfiguration
from api.marks import ATOMIC_LIST, NULLABLE, Int, PullPolicy, UInt32, capped, crd_enum, default, map_list
from api.meta import LabelSelector
from api.quantity import Quantity
from api.view import View


class ChangedBlockTrackingSelectors(View, frozen=True, kw_only=True):
    """Which VMs record changed blocks."""

    namespace_label_selector: LabelSelector | None = None
    """By the labels of their namespace."""
    virtual_machine_label_selector: LabelSelector | None = None
    """By their own labels."""


class TDXAttestationConfiguration(View, frozen=True, kw_only=True):
    """Attestation of Intel trust domains."""

    enforced: Annotated[bool | None, default(False)] = None
    """True refuses hosts without a quote service."""
    qgs_socket_path: Annotated[str | None, default("/var/run/tdx-qgs/qgs.socket")] = None
    """Socket of the quote generation service on the node."""


class TDXConfiguration(View, frozen=True, kw_only=True):
    """Intel trust domains."""

    attestation: TDXAttestationConfiguration | None = None
    """How they attest."""


class ConfidentialComputeConfiguration(View, frozen=True, kw_only=True):
    """Memory encryption."""

    tdx: Annotated[TDXConfiguration | None, NULLABLE] = None
    """Intel's."""


class HypervisorConfiguration(View, frozen=True, kw_only=True):
    """Which hypervisor runs guests."""

    name: Annotated[str, crd_enum("kvm", "hyperv-direct")] = ""
    """kvm or hyperv-direct."""


class InstancetypeConfiguration(View, frozen=True, kw_only=True):
    """How VMs refer to instance types."""

    reference_policy: Annotated[str | None, NULLABLE, crd_enum("reference", "expand", "expandAll")] = None
    """reference keeps the name, expand writes the values into new VMs, expandAll into all."""


class LiveUpdateConfiguration(View, frozen=True, kw_only=True):
    """Room left for growth while running."""

    max_hotplug_ratio: UInt32 = 0
    """Times the boot size that may be reached; 0 means 4."""
    max_cpu_sockets: UInt32 | None = None
    """Sockets that may be reached."""
    max_guest: Quantity | None = None
    """Memory that may be reached."""


class PersistentReservationConfiguration(View, frozen=True, kw_only=True):
    """SCSI persistent reservations."""

    enabled: Annotated[bool | None, NULLABLE] = None
    """True runs the helper on every node."""


class SMBiosConfiguration(View, frozen=True, kw_only=True):
    """What SMBIOS says about the maker of VMs."""

    manufacturer: str = ""
    """Maker."""
    product: str = ""
    """Product."""
    version: str = ""
    """Version of the product."""
    sku: str = ""
    """Article number."""
    family: str = ""
    """Product family."""


class DisableFreePageReporting(View, frozen=True, kw_only=True):
    """Guests do not give free pages back."""


class DisableSerialConsoleLog(View, frozen=True, kw_only=True):
    """Serial consoles are not logged."""


class VirtualMachineOptions(View, frozen=True, kw_only=True):
    """Switches for all VMs."""

    disable_free_page_reporting: DisableFreePageReporting | None = None
    """Set to switch free page reporting off."""
    disable_serial_console_log: DisableSerialConsoleLog | None = None
    """Set to switch the console log off."""


class KubeVirtConfiguration(View, frozen=True, kw_only=True):
    """Defaults and limits."""

    cpu_model: str = ""
    """CPU model of VMs that name none; empty means host-model."""
    cpu_request: Quantity | None = None
    """CPU asked for per vCPU; absent means 100m."""
    min_cpu_model: str = field(name="minCPUModel", default="")
    """Oldest model a node may be labelled with."""
    obsolete_cpu_models: dict[str, bool] = field(name="obsoleteCPUModels", default_factory=dict)
    """Models that nodes are not labelled with."""
    machine_type: str = ""
    """Board of VMs that name none; architectureConfiguration is the newer place."""
    emulated_machines: tuple[str, ...] = ()
    """Boards that are allowed, as patterns; architectureConfiguration is the newer place."""
    ovmf_path: str = ""
    """Directory of UEFI firmware; architectureConfiguration is the newer place."""
    architecture_configuration: ArchConfiguration | None = None
    """Boards and firmware by architecture."""
    eviction_strategy: str | None = None
    """What a drain does with VMs that say nothing; absent means None."""
    vm_rollout_strategy: Annotated[str | None, NULLABLE, crd_enum("Stage", "LiveUpdate")] = None
    """Whether changes of a VM wait for its restart (Stage) or are made while it runs (LiveUpdate, the default)."""
    live_update_configuration: LiveUpdateConfiguration | None = None
    """Room for growth."""
    developer_configuration: DeveloperConfiguration | None = None
    """Feature gates, emulation, overcommit, log levels."""
    migrations: MigrationConfiguration | None = None
    """Live migration."""
    network: NetworkConfiguration | None = None
    """Networking."""
    image_pull_policy: PullPolicy = ""
    """When images of our own are fetched."""
    permitted_host_devices: PermittedHostDevices | None = None
    """Devices of nodes that VMs may use."""
    mediated_devices_configuration: MediatedDevicesConfiguration | None = None
    """Virtual devices to make on nodes."""
    smbios: SMBiosConfiguration | None = None
    """SMBIOS texts."""
    selinux_launcher_type: str = ""
    """SELinux type of launchers."""
    supported_guest_agent_versions: tuple[str, ...] = ()
    """Agent versions that are known to work."""
    mem_balloon_stats_period: UInt32 | None = None
    """Seconds between balloon statistics; 0 switches them off, absent means 10."""
    default_runtime_class: str = ""
    """RuntimeClass of launcher pods."""
    virtual_machine_instances_per_node: Int | None = None
    """Most VMs a node takes; absent means 110."""
    vm_state_storage_class: str = ""
    """StorageClass for the state of TPM and UEFI."""
    auto_cpu_limit_namespace_label_selector: LabelSelector | None = field(
        name="autoCPULimitNamespaceLabelSelector", default=None
    )
    """Namespaces whose VMs get a CPU limit equal to their vCPUs."""
    ksm_configuration: KSMConfiguration | None = None
    """Merging of equal pages."""
    virtual_machine_options: VirtualMachineOptions | None = None
    """Switches for all VMs."""
    support_container_resources: Annotated[tuple[SupportContainerResources, ...], map_list("type")] = ()
    """Resources of helper containers."""
    seccomp_configuration: SeccompConfiguration | None = None
    """Seccomp profile of launchers."""
    tls_configuration: TLSConfiguration | None = None
    """TLS of our own servers."""
    api_configuration: ReloadableComponentConfiguration | None = None
    """Client rates of virt-api."""
    webhook_configuration: ReloadableComponentConfiguration | None = None
    """Client rates of the webhooks."""
    controller_configuration: ReloadableComponentConfiguration | None = None
    """Client rates of virt-controller."""
    handler_configuration: ReloadableComponentConfiguration | None = None
    """Client rates of virt-handler."""
    instancetype: Annotated[InstancetypeConfiguration | None, NULLABLE] = None
    """Instance types."""
    common_instancetypes_deployment: Annotated[CommonInstancetypesDeployment | None, NULLABLE] = None
    """Whether the common instance types are installed."""
    virt_template_deployment: Annotated[VirtTemplateDeployment | None, NULLABLE] = None
    """Whether VM templates are installed."""
    persistent_reservation_configuration: Annotated[PersistentReservationConfiguration | None, NULLABLE] = None
    """SCSI reservations."""
    changed_block_tracking_label_selectors: Annotated[ChangedBlockTrackingSelectors | None, NULLABLE] = None
    """VMs that record changed blocks."""
    confidential_compute: Annotated[ConfidentialComputeConfiguration | None, NULLABLE] = None
    """Encrypted guests."""
    hypervisors: Annotated[tuple[HypervisorConfiguration, ...], capped(1), ATOMIC_LIST] = ()
    """The hypervisor, one at most."""
    additional_guest_memory_overhead_ratio: str | None = None
    """Factor on the computed overhead, such as 1.5."""
    role_aggregation_strategy: Annotated[str | None, crd_enum("AggregateToDefault", "Manual")] = None
    """Whether our roles join Kubernetes' admin, edit and view."""
