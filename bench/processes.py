"""Memory of processes by pod, read from this machine's /proc: a local cluster's nodes are namespaces of it."""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

KIB = 1024
MIB = KIB * KIB


@dataclass(frozen=True)
class Weight:
    """Bytes. `pss` shares a page's cost among those who map it; QEMU is counted apart, in three parts:
    the guest's memory, what code translation wrote (nothing under KVM), and all the rest, which is QEMU's own."""

    rss: int = 0
    pss: int = 0
    guest_rss: int = 0
    translated_rss: int = 0
    qemu_rss: int = 0
    processes: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def _rollup(process: Path) -> dict[str, int]:
    """Field -> bytes of smaps_rollup."""
    sums: dict[str, int] = {}
    for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        sums[key] = int(value.split()[0]) * KIB
    return sums


def _weigh(process: Path) -> Weight:
    command = (process / "cmdline").read_text(errors="replace").split("\0")
    if "/qemu-system-" in command[0]:
        return _weigh_qemu(process, " ".join(command))
    sums = _rollup(process)
    return Weight(rss=sums["Rss"], pss=sums["Pss"], processes=1)


def _weigh_qemu(process: Path, command: str) -> Weight:
    """The guest's memory is the one mapping as long as the command line says; translated code is writable code."""
    size = re.search(r'"id":"pc\.ram","size":(\d+)', command)
    guest = translated = own = 0
    access, length = "", 0
    for line in (process / "smaps").read_text().splitlines():
        word, _, rest = line.partition(" ")
        if not word.endswith(":"):
            access = rest[:4]
        elif word == "Size:":
            length = int(rest.split()[0]) * KIB
        elif word == "Rss:":
            rss = int(rest.split()[0]) * KIB
            if size and length == int(size[1]) and access.startswith("rw"):
                guest += rss
            elif access.startswith("rwx"):
                translated += rss
            else:
                own += rss
    return Weight(guest_rss=guest, translated_rss=translated, qemu_rss=own)


def _members(uids: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Each process in the control groups of these pods, by its place in /proc, and the UID of its pod."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            groups = (process / "cgroup").read_text().replace("_", "-")
            owner = next((uid for uid in uids if uid in groups), None)
            if owner:
                yield process, owner


def weigh_pods(uids: set[str]) -> dict[str, Weight]:
    """Pod UID -> weight of the processes in the pod's control groups, the pause process included."""
    weights = dict.fromkeys(uids, Weight())
    for process, owner in _members(uids):
        with suppress(FileNotFoundError, ProcessLookupError):
            weights[owner] += _weigh(process)
    return weights


def commands_of(uid: str) -> dict[int, list[str]]:
    """Process -> its command line, of all processes of a pod."""
    commands = {}
    for process, _ in _members([uid]):
        with suppress(FileNotFoundError, ProcessLookupError):
            commands[int(process.name)] = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    return commands


def cpu_seconds(uids: Collection[str]) -> float:
    """What the processes of these pods that are there now have used of processors so far."""
    ticks = 0
    for process, _ in _members(uids):
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (process / "stat").read_text().rpartition(") ")[2].split()
            ticks += int(words[11]) + int(words[12])  # utime and stime
    return ticks / os.sysconf("SC_CLK_TCK")


def group_memory(uid: str) -> int:
    """Bytes that the pod's control group accounts, caches included; 0 where it is not found."""
    for pattern in (f"**/pod{uid}", f"**/*pod{uid.replace('-', '_')}.slice"):
        for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
            for folder in root.glob(pattern) if root.exists() else ():
                for name in ("memory.usage_in_bytes", "memory.current"):
                    if (folder / name).exists():
                        return int((folder / name).read_text())
    return 0
