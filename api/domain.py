"""The domain: the virtual hardware of one guest."""

from __future__ import annotations

from typing import Annotated

from api.cpu_memory import CPU, Memory, ResourceRequirements
from api.devices import Devices
from api.features import Features
from api.firmware_clock import Chassis, Clock, Firmware, LaunchSecurity, Machine
from api.marks import UInt32, crd_enum
from api.view import View


class DiskIOThreads(View, frozen=True, kw_only=True):
    """The pool of threads that disks share."""

    supplemental_pool_thread_count: UInt32 | None = None
    """Threads in the pool, under policy supplementalPool."""


class DomainSpec(View, frozen=True, kw_only=True):
    """Virtual hardware as wanted."""

    devices: Devices
    """Disks, cards and all else that is plugged in."""
    resources: ResourceRequirements = ResourceRequirements()
    """What is asked of the node."""
    cpu: CPU | None = None
    """vCPUs."""
    memory: Memory | None = None
    """Memory."""
    machine: Machine | None = None
    """The board."""
    firmware: Firmware | None = None
    """Identity and boot."""
    clock: Clock | None = None
    """Time."""
    features: Features | None = None
    """Hypervisor features."""
    io_threads_policy: str | None = None
    """shared, auto or supplementalPool; absent means no I/O threads of their own."""
    io_threads: DiskIOThreads | None = None
    """Settings of the thread pool."""
    chassis: Chassis | None = None
    """SMBIOS chassis."""
    launch_security: LaunchSecurity | None = None
    """Memory encryption."""
    reboot_policy: Annotated[str | None, crd_enum("Reboot", "Terminate")] = None
    """Whether a reboot by the guest reboots it in place or ends the instance; absent means Reboot."""
