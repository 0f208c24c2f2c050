"""cgroups in the three layouts that exist: v1, hybrid (v1 controllers beside an empty v2 tree), v2 only."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

from localcluster.trouble import Trouble
from localcluster.waiting import wait_for

NEEDED = {"cpu", "cpuset", "memory", "pids"}
LEAF = "system"
"""Below a node's cgroup: the node's own processes, since in v2 a parent of cgroups holds no processes."""


class Kind(Enum):
    """Which layout the machine has."""

    V1 = "v1"
    HYBRID = "hybrid"
    V2 = "v2"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The mounted hierarchies. `v1` maps a mount point to its controllers; `v2` is the unified mount."""

    kind: Kind
    v1: dict[Path, frozenset[str]]
    v2: Path | None

    def roots(self) -> list[Path]:
        return [*self.v1, *([self.v2] if self.v2 else [])]


def read_layout(mountinfo: str) -> Layout:
    """From the text of /proc/self/mountinfo. Raises Trouble when controllers that pods need are missing."""
    v1: dict[Path, frozenset[str]] = {}
    v2: Path | None = None
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        place, (kind, _, options) = Path(left.split()[4]), right.split(" ", 2)
        if kind == "cgroup":
            names = {word.removeprefix("name=") for word in options.split(",")} - {
                "rw",
                "ro",
                "xattr",
                "clone_children",
            }
            v1.setdefault(place, frozenset(names))
        elif kind == "cgroup2" and v2 is None:
            v2 = place
    controllers = {name for names in v1.values() for name in names}
    if controllers & NEEDED:
        missing = NEEDED - controllers
        if missing:
            raise Trouble(
                f"cgroup controllers are missing: {', '.join(sorted(missing))}", "mount them or boot with cgroup v2"
            )
        return Layout(kind=Kind.HYBRID if v2 else Kind.V1, v1=v1, v2=v2)
    if v2 is None:
        raise Trouble(
            "no cgroups are mounted", "run `mount -t cgroup2 none /sys/fs/cgroup`, or use a machine with cgroups"
        )
    return Layout(kind=Kind.V2, v1=v1, v2=v2)


def here() -> Layout:
    return read_layout(Path("/proc/self/mountinfo").read_text())


def make(layout: Layout, path: str) -> None:
    """Make the cgroup `path` (without leading slash) in every hierarchy, its controllers usable below it."""
    for root, controllers in layout.v1.items():
        for level in _levels(root, path):
            level.mkdir(exist_ok=True)
            if "cpuset" in controllers:
                _inherit_cpuset(level)
    if layout.v2 is not None:
        _make_v2(layout.v2, path)


def _levels(root: Path, path: str) -> list[Path]:
    parts = path.split("/")
    return [root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]


def _inherit_cpuset(level: Path) -> None:
    for name in ("cpuset.cpus", "cpuset.mems"):
        if not (level / name).read_text().strip():
            (level / name).write_text((level.parent / name).read_text())
    (level / "cgroup.clone_children").write_text("1")


def _make_v2(root: Path, path: str) -> None:
    """Controllers are handed down one by one: a machine may lack some, and hybrid ones have none here."""
    for level in _levels(root, path):
        level.mkdir(exist_ok=True)
        for controller in (level.parent / "cgroup.controllers").read_text().split():
            _hand_down(level.parent, controller)


def _hand_down(parent: Path, controller: str) -> None:
    try:
        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        if controller in NEEDED:
            raise Trouble(
                f"cgroup controller {controller} cannot be handed to children of {parent} ({error.strerror})",
                "run outside a container, or move the processes of that cgroup into a child of it",
            ) from None


def entry_files(layout: Layout, path: str) -> list[Path]:
    """Files that take a process number, to enter the cgroup `path` in every hierarchy."""
    return [root / path / "cgroup.procs" for root in layout.roots()]


def members(layout: Layout, path: str) -> set[int]:
    """Processes in the cgroup `path` and below it, in any hierarchy."""
    found: set[int] = set()
    for root in layout.roots():
        for place in (root / path).rglob("cgroup.procs"):
            with contextlib.suppress(OSError):  # a cgroup that vanished meanwhile, or a threaded one
                found |= {int(line) for line in place.read_text().split()}
    return found


def remove(layout: Layout, path: str, *, seconds: float = 30) -> None:
    """Remove the cgroup `path` and all below it, waiting for killed processes to be gone."""
    for root in layout.roots():
        top = root / path
        wait_for(
            f"removal of cgroup {top}",
            partial(_removed, top),
            seconds=seconds,
            mend="a process is still in it; see its cgroup.procs, then run the same command again",
        )


def _removed(top: Path) -> bool:
    if not top.exists():
        return True
    below = sorted((entry for entry in top.rglob("*") if entry.is_dir()), key=lambda entry: -len(entry.parts))
    for level in [*below, top]:
        with contextlib.suppress(OSError):  # busy until its last process is reaped; asked again
            level.rmdir()
    return not top.exists()
