"""Which target (`vda`, `sdb`) and bus each disk of the guest has."""

from __future__ import annotations

from api.disk import CDRomTarget, Disk, DiskTarget
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_model import disk_rules


def bus(disk: Disk) -> str:
    """The bus a disk is on. Raises CannotBuild for one that is not known, and for a LUN."""
    kind = disk.cdrom or disk.disk
    if disk.lun is not None:
        raise CannotBuild(f"disk {disk.name}: a LUN needs a block claim, which this version does not support: use disk")
    name = (kind.bus if isinstance(kind, CDRomTarget | DiskTarget) else "") or disk_rules.default_bus("amd64")
    if name not in disk_rules.PREFIXES:
        raise CannotBuild(f"disk {disk.name}: bus {name} is not one of {', '.join(disk_rules.PREFIXES)}")
    return name


def targets(guest: Guest) -> dict[str, str]:
    """Disk name to target: what the VMI's status recorded, else the next free letter in the order of the spec."""
    buses = {disk.name: bus(disk) for disk in guest.spec.domain.devices.disks}
    recorded = {known.name: known.target for known in guest.status.volume_status}
    kept = {
        name: target
        for name, target in recorded.items()
        if name in buses and target.startswith(disk_rules.PREFIXES[buses[name]])
    }
    return disk_rules.assign_targets(buses.items(), kept)


def unit(target: str) -> int:
    """The number behind a target's letters: sda 0, sdb 1, sdaa 26."""
    number = 0
    for letter in target[2:]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1
