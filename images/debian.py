"""Debian packages unpacked into a directory: no maintainer scripts, no package manager, no essential set.

mmdebstrap resolves and verifies; its ``extract`` variant only unpacks. What maintainer scripts would have done
(users, links of ``/var``) the recipes state as files.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from images.host import HostError, debian_mirror, run

PYTHON_PACKAGES = "usr/lib/python3/dist-packages"
ARCHIVE_OPTIONS = (
    'Acquire::Check-Valid-Until "false"',  # the release file of a testing suite can be past its date on a mirror
    'APT::Install-Recommends "false"',
)


def unpack(suite: str, packages: Sequence[str], root: Path) -> None:
    """Unpack ``packages`` and all they depend on into ``root``, which must not exist yet."""
    options = [f"--aptopt={option}" for option in ARCHIVE_OPTIONS]
    mirror = debian_mirror()
    argv = ["mmdebstrap", "--variant=extract", "--format=directory", "--skip=cleanup/apt/cache", *options,
            f"--include={','.join(packages)}", suite, str(root), *([mirror] if mirror else [])]
    try:
        run(argv, what=f"Debian {suite}", timeout=900)
    except HostError:
        shutil.rmtree(root, ignore_errors=True)
        raise


def package_records(root: Path) -> dict[str, bytes]:
    """``var/lib/dpkg/status.d/<package>`` -> its control data, for scanners and for people who ask what is inside."""
    records = {}
    for archive in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        control = run(["dpkg-deb", "-f", str(archive)], what=f"reading {archive.name}", timeout=60)
        fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and line[0] != " ")
        text = "".join(f"{name}: {fields[name]}\n" for name in ("Package", "Version", "Architecture", "Source")
                       if name in fields)
        records[f"var/lib/dpkg/status.d/{fields['Package']}"] = f"{text}Status: install ok unpacked\n".encode()
    return records


def add_wheels(requirements: Sequence[str], root: Path) -> None:
    """Unpack pure-Python wheels, pinned by version, beside Debian's Python packages."""
    if not requirements:
        return
    folder = root.with_name(f"{root.name}.wheels")
    argv = ["pip3", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
            "--python-version=3.13", "--implementation=py", "--abi=none", "--platform=any",
            f"--dest={folder}", *requirements]
    try:
        run(argv, what=f"Python packages {' '.join(requirements)}", timeout=600)
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(root / PYTHON_PACKAGES)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
