"""What the launcher refuses to build, because building the domain without it would be a lie.

The API server's webhook refuses the same earlier and better; this table is what holds when the webhook was not asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from api.disk import Disk
from api.domain import DomainSpec
from api.network import Interface
from virt_launcher.plan.boot import ARCHITECTURES
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild


def check(guest: Guest) -> None:
    """Raises CannotBuild that names every field that cannot be honoured."""
    found = [path for path, present in _present(guest).items() if present]
    if found:
        raise CannotBuild(f"not supported by this version: {', '.join(found)}: remove it from the VMI")


def _present(guest: Guest) -> Mapping[str, object]:
    domain = guest.spec.domain
    architecture = guest.spec.architecture
    return {f"spec.architecture {architecture}": architecture not in ARCHITECTURES} | {
        f"spec.domain.{path}": present for path, present in {**_domain(domain), **_devices(domain)}.items()
    }


def _domain(domain: DomainSpec) -> Mapping[str, object]:
    cpu, memory, firmware = domain.cpu, domain.memory, domain.firmware
    return {
        "launchSecurity": domain.launch_security,
        "ioThreadsPolicy": domain.io_threads_policy,
        "ioThreads": domain.io_threads,
        "cpu.dedicatedCpuPlacement": cpu and cpu.dedicated_cpu_placement,
        "cpu.isolateEmulatorThread": cpu and cpu.isolate_emulator_thread,
        "cpu.numa": cpu and cpu.numa,
        "cpu.realtime": cpu and cpu.realtime,
        "memory.hugepages": memory and memory.hugepages,
        "firmware.kernelBoot": firmware and firmware.kernel_boot,
        "firmware.acpi": firmware and firmware.acpi,
    }


def _devices(domain: DomainSpec) -> Mapping[str, object]:
    devices = domain.devices
    return {
        "devices.filesystems": devices.filesystems,
        "devices.gpus": devices.gpus,
        "devices.hostDevices": devices.host_devices,
        "devices.sound": devices.sound,
        "devices.tpm": devices.tpm and devices.tpm.enabled is not False,
        "devices.downwardMetrics": devices.downward_metrics,
        "devices.autoattachVSOCK": devices.autoattach_vsock,
        **{f"devices.disks[{disk.name}].{field}": there for disk in devices.disks for field, there in _disk(disk)},
        **{
            f"devices.interfaces[{nic.name}].{field}": there for nic in devices.interfaces for field, there in _nic(nic)
        },
    }


def _disk(disk: Disk) -> Iterator[tuple[str, object]]:
    yield "dedicatedIOThread", disk.dedicated_io_thread
    yield "changedBlockTracking", disk.changed_block_tracking
    yield "blockSize.matchVolume", disk.block_size and disk.block_size.match_volume
    yield "tag", disk.tag


def _nic(nic: Interface) -> Iterator[tuple[str, object]]:
    yield "state absent", nic.state == "absent"
    yield "tag", nic.tag
