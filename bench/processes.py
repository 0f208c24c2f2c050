"""Memory of processes by pod, read from this machine's /proc: a local cluster's nodes are namespaces of it."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = KIB * KIB


@dataclass(frozen=True)
class Weight:
    """Bytes. `pss` shares a page's cost among those who map it; `qemu` processes are counted apart."""

    rss: int = 0
    pss: int = 0
    qemu_rss: int = 0
    processes: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(
            self.rss + other.rss,
            self.pss + other.pss,
            self.qemu_rss + other.qemu_rss,
            self.processes + other.processes,
        )


def _rollup(process: Path) -> dict[str, int]:
    """Field -> bytes of smaps_rollup."""
    fields: dict[str, int] = {}
    for line in (process / "smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split(":")
        fields[key] = int(value.split()[0]) * KIB
    return fields


def _weigh(process: Path) -> Weight:
    fields = _rollup(process)
    command = (process / "cmdline").read_bytes()
    if b"/qemu-system-" in command.split(b"\0")[0]:
        return Weight(qemu_rss=fields["Rss"])
    return Weight(rss=fields["Rss"], pss=fields["Pss"], processes=1)


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


def group_memory(uid: str) -> int:
    """Bytes that the pod's control group accounts, caches included; 0 where it is not found."""
    for pattern in (f"**/pod{uid}", f"**/*pod{uid.replace('-', '_')}.slice"):
        for root in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")):
            for folder in root.glob(pattern) if root.exists() else ():
                for name in ("memory.usage_in_bytes", "memory.current"):
                    if (folder / name).exists():
                        return int((folder / name).read_text())
    return 0
