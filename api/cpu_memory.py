"""What a guest computes with: vCPUs, memory, and the resources its pod asks for."""

from __future__ import annotations

from typing import Annotated

from api.marks import UInt32, crd_enum
from api.quantity import Quantity
from api.view import View


class CPUFeature(View, frozen=True, kw_only=True):
    """One flag of the guest's CPU."""

    name: str
    """Name of the flag as libvirt knows it."""
    policy: str = ""
    """force, require, optional, disable or forbid; empty means require."""


class NUMAGuestMappingPassthrough(View, frozen=True, kw_only=True):
    """Mirrors in the guest the NUMA nodes its pinned CPUs come from."""


class NUMA(View, frozen=True, kw_only=True):
    """The NUMA topology the guest sees."""

    guest_mapping_passthrough: NUMAGuestMappingPassthrough | None = None
    """Set to mirror the host's; needs dedicated CPUs and huge pages."""


class Realtime(View, frozen=True, kw_only=True):
    """Real-time scheduling of vCPUs."""

    mask: str = ""
    """vCPUs to schedule so, such as 0-3,^1; empty means all."""


class CPU(View, frozen=True, kw_only=True):
    """Number, shape and model of the guest's vCPUs: sockets x cores x threads."""

    cores: UInt32 = 0
    """Cores per socket; 0 means one, unless the whole topology is left open."""
    sockets: UInt32 = 0
    """Sockets; 0 means one, unless the whole topology is left open."""
    max_sockets: UInt32 = 0
    """Up to how many sockets can be plugged in while the guest runs."""
    threads: UInt32 = 0
    """Threads per core; 0 means one."""
    model: str = ""
    """host-model, host-passthrough or a model name of libvirt."""
    features: tuple[CPUFeature, ...] = ()
    """Flags to add to or take from the model."""
    dedicated_cpu_placement: bool = False
    """Gives every vCPU a physical CPU of its own."""
    numa: NUMA | None = None
    """NUMA topology of the guest."""
    isolate_emulator_thread: bool = False
    """Gives the emulator's own thread one more dedicated CPU."""
    realtime: Realtime | None = None
    """Set to schedule vCPUs in real time."""


class CPUTopology(View, frozen=True, kw_only=True):
    """The vCPUs a guest has at this moment."""

    cores: UInt32 = 0
    """Cores per socket."""
    sockets: UInt32 = 0
    """Sockets plugged in."""
    threads: UInt32 = 0
    """Threads per core."""


class Hugepages(View, frozen=True, kw_only=True):
    """Backs the guest's memory with huge pages."""

    page_size: str = ""
    """Size of a page, such as 2Mi or 1Gi; the node must offer it."""


class ReservedOverhead(View, frozen=True, kw_only=True):
    """Memory to set aside beyond what is computed."""

    added_overhead: Quantity | None = None
    """Bytes to add to the pod's memory request."""
    mem_lock: Annotated[str | None, crd_enum("NotRequired", "Required")] = None
    """Required locks the guest's memory, NotRequired does not."""


class Memory(View, frozen=True, kw_only=True):
    """Memory the guest sees, and how it is backed."""

    guest: Quantity | None = None
    """Bytes the guest boots with; absent means what the resources say."""
    max_guest: Quantity | None = None
    """Up to how many bytes can be plugged in while the guest runs."""
    hugepages: Hugepages | None = None
    """Set to use huge pages."""
    reserved_overhead: ReservedOverhead | None = None
    """Set to reserve more for the processes around the guest."""


class MemoryStatus(View, frozen=True, kw_only=True):
    """Memory of a running guest, in bytes."""

    guest_at_boot: Quantity | None = None
    """What it booted with."""
    guest_current: Quantity | None = None
    """What it has now."""
    guest_requested: Quantity | None = None
    """What it shall have."""
    memory_overhead: Quantity | None = None
    """What its pod reserves beside the guest's own memory."""


class ResourceRequirements(View, frozen=True, kw_only=True):
    """Resources asked for a VM; its pod asks for these plus the overhead."""

    requests: dict[str, Quantity] = {}
    """At least this much per resource (cpu, memory, ...)."""
    limits: dict[str, Quantity] = {}
    """At most this much per resource."""
    overcommit_guest_overhead: bool = False
    """True leaves the overhead out of the request, at the risk of being killed for it."""


class ResourceRequirementsWithoutClaims(View, frozen=True, kw_only=True):
    """Resources of a helper container."""

    requests: dict[str, Quantity] = {}
    """At least this much per resource."""
    limits: dict[str, Quantity] = {}
    """At most this much per resource."""
