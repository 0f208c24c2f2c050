"""Instance types: sizes of VMs, in one namespace or for all."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.cpu_memory import NUMA, Hugepages, Realtime
from api.devices import GPU, HostDevice
from api.domain import DiskIOThreads
from api.firmware_clock import LaunchSecurity
from api.marks import ATOMIC_LIST, Int, Mark, UInt32
from api.meta import ObjectMeta
from api.quantity import Quantity
from api.view import View

_PER_CENT = Mark(crd={"minimum": 0, "maximum": 100})


class CPUInstancetype(View, frozen=True, kw_only=True):
    """CPU of such a VM."""

    guest: UInt32
    """Number of CPUs the guest sees."""
    max_sockets: UInt32 | None = None
    """Sockets it can grow to."""
    model: str | None = None
    """CPU model."""
    dedicated_cpu_placement: bool | None = field(name="dedicatedCPUPlacement", default=None)
    """True gives each a CPU of the node."""
    isolate_emulator_thread: bool | None = None
    """True gives the emulator one of its own."""
    numa: NUMA | None = None
    """NUMA of the guest."""
    realtime: Realtime | None = None
    """Real-time scheduling."""


class MemoryInstancetype(View, frozen=True, kw_only=True):
    """Memory of such a VM."""

    guest: Quantity
    """What the guest sees."""
    max_guest: Quantity | None = None
    """What it can grow to."""
    hugepages: Hugepages | None = None
    """Pages it is made of."""
    overcommit_percent: Annotated[Int, _PER_CENT] = 0
    """By how many per cent less than that is asked of the node."""


class VirtualMachineInstancetypeSpec(View, frozen=True, kw_only=True):
    """A size, and what goes with it."""

    cpu: CPUInstancetype
    """Size in CPUs."""
    memory: MemoryInstancetype
    """Size in memory."""
    gpus: Annotated[tuple[GPU, ...], ATOMIC_LIST] = ()
    """GPUs that come with it."""
    host_devices: Annotated[tuple[HostDevice, ...], ATOMIC_LIST] = ()
    """Devices of the node that come with it."""
    io_threads_policy: str | None = None
    """shared, auto or supplementalPool."""
    io_threads: DiskIOThreads | None = None
    """Number of threads for disks."""
    launch_security: LaunchSecurity | None = None
    """Protection from the host."""
    node_selector: dict[str, str] = {}
    """Labels its nodes must have."""
    scheduler_name: str = ""
    """Who places it."""
    annotations: dict[str, str] = {}
    """Annotations for the instance."""


class VirtualMachineInstancetype(View, frozen=True, kw_only=True):
    """A size of VMs in this namespace."""

    api_version: str = ""
    """Group and version of the instance type."""
    kind: str = ""
    """VirtualMachineInstancetype."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the instance type."""
    spec: VirtualMachineInstancetypeSpec
    """The size."""


class VirtualMachineClusterInstancetype(View, frozen=True, kw_only=True):
    """A size of VMs in every namespace."""

    api_version: str = ""
    """Group and version of the cluster's instance type."""
    kind: str = ""
    """VirtualMachineClusterInstancetype."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity; without a namespace."""
    spec: VirtualMachineInstancetypeSpec
    """Its size."""
