"""Debian packages unpacked into a directory: no maintainer scripts, no package manager, no essential set.

mmdebstrap resolves and verifies; its ``extract`` variant only unpacks. What maintainer scripts would have done
(users, links of ``/var``) the recipes state as files.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from images.host import HostError, debian_mirror, run

ARCHIVE_OPTIONS = (
    'Acquire::Check-Valid-Until "false"',  # the release file of a testing suite can be past its date on a mirror
    'APT::Install-Recommends "false"',
)


def unpack(suite: str, packages: Sequence[str], root: Path) -> None:
    """Unpack ``packages`` and all they depend on into ``root``, which must not exist yet."""
    options = [f"--aptopt={option}" for option in ARCHIVE_OPTIONS]
    mirror = debian_mirror()
    argv = [
        "mmdebstrap",
        "--variant=extract",
        "--format=directory",
        "--skip=cleanup/apt/cache",
        *options,
        f"--include={','.join(packages)}",
        suite,
        str(root),
        *([mirror] if mirror else []),
    ]
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
        text = "".join(
            f"{name}: {fields[name]}\n" for name in ("Package", "Version", "Architecture", "Source") if name in fields
        )
        records[f"var/lib/dpkg/status.d/{fields['Package']}"] = f"{text}Status: install ok unpacked\n".encode()
    return records
