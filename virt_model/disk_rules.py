"""How disks are attached: which letter a disk gets on its bus, and what a volume of each kind becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

#: bus -> what its device names begin with; sata, scsi and usb share one sequence
PREFIXES: Final = {"virtio": "vd", "sata": "sd", "scsi": "sd", "usb": "sd"}
DEFAULT_BUS: Final = {"amd64": "sata", "arm64": "virtio", "s390x": "virtio"}
#: volume sources whose content is made anew for each run of the guest, so that nothing of it is kept or shared
GENERATED_SOURCES: Final = frozenset(
    {
        "containerDisk",
        "ephemeral",
        "emptyDisk",
        "cloudInitNoCloud",
        "cloudInitConfigDrive",
        "configMap",
        "secret",
        "downwardAPI",
        "serviceAccount",
        "sysprep",
    }
)


def default_bus(architecture: str) -> str:
    return DEFAULT_BUS.get(architecture, "virtio")


def target_name(bus: str, index: int) -> str:
    """vda, vdb … vdz, vdaa for index 0, 1 … 25, 26 of the sequence of `bus`."""
    letters = ""
    index += 1
    while index > 0:
        index, digit = divmod(index - 1, 26)
        letters = chr(ord("a") + digit) + letters
    return PREFIXES[bus] + letters


def assign_targets(disks: Iterable[tuple[str, str]], kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """Disk name -> target for (name, bus) in spec order; a target that a disk already has (`kept`) stays with it."""
    kept = kept or {}
    taken = set(kept.values())
    targets: dict[str, str] = {}
    for name, bus in disks:
        if name in kept:
            targets[name] = kept[name]
            continue
        index = 0
        while (target := target_name(bus, index)) in taken:
            index += 1
        taken.add(target)
        targets[name] = target
    return targets
