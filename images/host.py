"""What the building machine must offer: root, a few Debian tools, a mirror.

Everything that can be missing ends in a ``HostError`` whose text is one line: what is missing and how to mend it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping

from localcluster.host import apt
from localcluster.shell import CommandFailed

TOOLS: Mapping[str, str] = {
    "mmdebstrap": "mmdebstrap",
    "skopeo": "skopeo",
    "zstd": "zstd",
    "qemu-img": "qemu-utils",
    "mke2fs": "e2fsprogs",
}
"""Command -> the Debian package that brings it."""

ERROR_MARKS = ("E: ", "*** Error", "FATA", "error:", "Error:")
"""How apt, compileall, skopeo and others begin the line that says why."""


class HostError(Exception):
    """The machine cannot do what was asked; the text says what and how to mend it, in one line."""


def run(argv: list[str], *, what: str, timeout: float, env: Mapping[str, str] | None = None) -> str:
    """Run one command, return its standard output; a failure becomes a ``HostError`` that starts with ``what``."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, env=env, check=False)
    except subprocess.TimeoutExpired as late:
        raise HostError(f"{what}: {argv[0]} did not end within {timeout:.0f} s") from late
    if done.returncode != 0:
        raise HostError(f"{what}: {complaint(done.stderr or done.stdout)}")
    return done.stdout


def complaint(output: str) -> str:
    """The most telling line of a failed command's output: its first error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(ERROR_MARKS)]
    telling = errors[0] if errors else lines[-1] if lines else "it failed and said nothing"
    return telling.removeprefix("E: ")[:400]


def require_root() -> None:
    """Debian roots hold files of many owners: only root can lay them out."""
    if os.geteuid() != 0:
        raise HostError("building images needs root (owners and modes of files): run it with sudo")


def missing_packages(commands: Iterable[str]) -> list[str]:
    """Debian packages to install so that every one of ``commands`` exists."""
    return sorted({TOOLS[command] for command in commands if shutil.which(command) is None})


def ensure(*commands: str) -> None:
    """Install what brings the named commands, if anything is missing."""
    packages = missing_packages(commands)
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise HostError(f"{' '.join(packages)} missing and there is no apt-get: install them, or build on Debian")
    require_root()
    try:
        apt.install(packages)
    except CommandFailed as error:
        raise HostError(f"installing {' '.join(packages)}: {error}") from None


def debian_mirror() -> str | None:
    """The archive this machine itself is installed from; None lets mmdebstrap choose.

    Read from apt, so that a machine behind a local mirror builds from that mirror. Only Debian's own archive counts:
    its security and third-party archives have no testing suite.
    """
    if shutil.which("apt-get") is None:
        return None
    wanted = "$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)"
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    for line in listing.stdout.splitlines():
        origin, label, codename, uri = (line.split("|") + [""] * 4)[:4]
        if (origin, label) == ("Debian", "Debian") and "-" not in codename and uri.startswith("http"):
            return uri
    return None
