"""What nodes can do and how they are used: boards by architecture, overcommit, emulation, page merging, log levels."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import ATOMIC_LIST, Int, Int64, Mark
from api.meta import LabelSelector
from api.quantity import Quantity
from api.view import View


class ArchSpecificConfiguration(View, frozen=True, kw_only=True):
    """One architecture."""

    ovmf_path: str = ""
    """Directory of its UEFI firmware."""
    emulated_machines: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Boards allowed on it, as patterns."""
    machine_type: str = ""
    """Board of its VMs that name none."""


class ArchConfiguration(View, frozen=True, kw_only=True):
    """Architectures."""

    amd64: ArchSpecificConfiguration | None = None
    """64-bit x86."""
    arm64: ArchSpecificConfiguration | None = None
    """64-bit Arm."""
    ppc64le: ArchSpecificConfiguration | None = None
    """No longer supported."""
    s390x: ArchSpecificConfiguration | None = None
    """IBM Z."""
    default_architecture: str = ""
    """Architecture of VMs that name none."""


class LogVerbosity(View, frozen=True, kw_only=True):
    """How much is logged, 0 to 9."""

    virt_api: Int = field(name="virtAPI", default=0)
    """By virt-api."""
    virt_controller: Int = 0
    """By virt-controller."""
    virt_handler: Int = 0
    """By virt-handler."""
    virt_launcher: Int = 0
    """By launchers."""
    virt_operator: Int = 0
    """By virt-operator."""
    virt_synchronization_controller: Int = 0
    """By the synchronisation controller."""
    node_verbosity: dict[str, Int] = {}
    """By virt-handler on particular nodes."""


class DiskVerification(View, frozen=True, kw_only=True):
    """The check of disk images."""

    memory_limit: Quantity
    """Memory it may use; 2000Mi unless said."""


class DeveloperConfiguration(View, frozen=True, kw_only=True):
    """Feature gates and what is not for everyday."""

    feature_gates: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Gates to open."""
    disabled_feature_gates: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Gates to close that are open by default."""
    use_emulation: bool = False
    """True runs guests without KVM, slowly."""
    cpu_allocation_ratio: Int = field(name="cpuAllocationRatio", default=0)
    """vCPUs per physical CPU asked for; 0 means 10."""
    memory_overcommit: Annotated[Int, Mark(crd={"minimum": 10})] = 0
    """Guest memory in per cent of the memory asked for; 0 means 100."""
    node_selectors: dict[str, str] = {}
    """Labels every VM's node must have."""
    pvc_tolerate_less_space_up_to_percent: Int = 0
    """Per cent a claim may be short of a hostDisk's capacity; 0 means 10."""
    minimum_reserve_pvc_bytes: Int64 = field(name="minimumReservePVCBytes", default=0)
    """Bytes kept free on claims; 0 means 131072."""
    minimum_cluster_tsc_frequency: Int64 | None = field(name="minimumClusterTSCFrequency", default=None)
    """TSC frequency every node counts with, in Hz."""
    disk_verification: DiskVerification | None = None
    """Check of disk images."""
    log_verbosity: LogVerbosity | None = None
    """How much is logged."""
    cluster_profiler: bool = False
    """True lets administrators profile our components."""


class KSMConfiguration(View, frozen=True, kw_only=True):
    """Merging of equal pages by the kernel."""

    node_label_selector: LabelSelector | None = None
    """Nodes on which it is switched on."""
