"""Showing the log of a component."""

from __future__ import annotations

import subprocess
from pathlib import Path

from localcluster.cluster.store import Store
from localcluster.trouble import Trouble


def find(place: Store, component: str, node: str | None) -> Path:
    """The log file of a component, on the node asked for or the first that has it."""
    spec = place.load()
    names = [spec.node(node).name] if node else [each.name for each in spec.nodes]
    for name in names:
        found = place.logs(name) / f"{component}.log"
        if found.is_file():
            return found
    known = sorted({path.stem for name in names for path in place.logs(name).glob("*.log")})
    raise Trouble(f"there is no log of {component}", f"name one of {', '.join(known) or 'none yet: run up'}")


def show(place: Store, component: str, node: str | None, *, follow: bool, lines: int) -> int:
    command = ["tail", "-n", str(lines), *(["-F"] if follow else []), str(find(place, component, node))]
    return subprocess.run(command, check=False).returncode
