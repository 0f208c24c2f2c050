"""Which target (`vda`, `sdb`) each disk of the guest has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

from api.disk import CDRomTarget, Disk, DiskTarget
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild

PREFIX = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd"}
DEFAULT_BUS = "sata"


def bus(disk: Disk) -> str:
    """The bus a disk is on. Raises CannotBuild for one that is not known, and for a LUN."""
    kind = disk.cdrom or disk.disk
    if disk.lun is not None:
        raise CannotBuild(f"disk {disk.name}: a LUN needs a block claim, which this version does not support: use disk")
    name = (kind.bus if isinstance(kind, CDRomTarget | DiskTarget) else "") or DEFAULT_BUS
    if name not in PREFIX:
        raise CannotBuild(f"disk {disk.name}: bus {name} is not one of {', '.join(PREFIX)}")
    return name


def targets(guest: Guest) -> dict[str, str]:
    """Disk name to target: what the VMI's status recorded, else the next free letter in the order of the spec."""
    disks = guest.spec.domain.devices.disks
    recorded = {known.name: known.target for known in guest.status.volume_status if known.target}
    kept = {disk.name: recorded[disk.name] for disk in disks if recorded.get(disk.name, "").startswith(prefix(disk))}
    free = {start: _free(start, kept.values()) for start in sorted(set(PREFIX.values()))}
    return {disk.name: kept[disk.name] if disk.name in kept else next(free[prefix(disk)]) for disk in disks}


def prefix(disk: Disk) -> str:
    """The first two letters of the disk's target."""
    return PREFIX[bus(disk)]


def unit(target: str) -> int:
    """The number behind a target's letters: sda 0, sdb 1, sdaa 26."""
    number = 0
    for letter in target[2:]:
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1


def _free(start: str, taken: Iterable[str]) -> Iterator[str]:
    used = set(taken)
    return (name for name in (start + _letters(number) for number in count()) if name not in used)


def _letters(number: int) -> str:
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("a") + rest) + name
    return name
