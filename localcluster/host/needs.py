"""What a machine must have: checked first, and fetched with apt where something is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from localcluster.host import apt, cgroups
from localcluster.report import Report
from localcluster.shell import CommandFailed
from localcluster.trouble import Trouble

PROGRAMS = {
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "conntrack": "conntrack",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "iproute2": "ip",
    "iptables": "iptables",
    "kmod": "modprobe",
    "mount": "mount",
    "nftables": "nft",
    "openssl": "openssl",
    "runc": "runc",
    "tini": "tini",
    "util-linux": "unshare",
}
"""Debian package -> what it brings: a program on the PATH, or a file."""

SPACE_TO_BUILD_GIB, SPACE_TO_RUN_GIB = 8, 2
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing(programs: dict[str, str]) -> list[str]:
    """The packages of `programs` that are not here."""

    def here(thing: str) -> bool:
        return Path(thing).exists() if thing.startswith("/") else shutil.which(thing, path=SEARCHED) is not None

    return [package for package, thing in programs.items() if not here(thing)]


def check_root() -> None:
    if os.geteuid() != 0:
        raise Trouble("this needs root: it makes namespaces, links and mounts", "run it again with sudo")


def check_space(place: Path, gib: int) -> None:
    """`place` need not exist yet: its nearest parent that does is measured."""
    at = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(at).free / 2**30
    if free < gib:
        raise Trouble(
            f"{free:.1f} GiB are free in {at} and {gib} are needed", "free some, or set PODVIRT_CACHE to another disk"
        )


def check_processor() -> None:
    if os.uname().machine != "x86_64":
        raise Trouble(f"this machine is {os.uname().machine}", "use an x86-64 machine: the guests are x86-64 too")


def check(state: Path, cache: Path) -> None:
    """Root, processor, cgroups and space. Raises Trouble for the first one that lacks."""
    check_root()
    check_processor()
    cgroups.here()
    built = (cache / "bin").is_dir()
    check_space(cache, SPACE_TO_RUN_GIB if built else SPACE_TO_BUILD_GIB)
    check_space(state, SPACE_TO_RUN_GIB)


def install(report: Report, programs: dict[str, str] | None = None) -> None:
    """Install what is missing of `programs` with apt. Raises Trouble when apt cannot."""
    wanted = missing(PROGRAMS if programs is None else programs)
    if not wanted:
        return
    if shutil.which("apt-get", path=SEARCHED) is None:
        raise Trouble(f"these are missing: {', '.join(wanted)}", "install them; only Debian's apt is known here")
    with report.step(f"installing {' '.join(wanted)}"):
        try:
            apt.install(wanted)
        except CommandFailed as error:
            raise Trouble(
                f"apt could not install {', '.join(wanted)}: {error}", "mend apt, then run this again"
            ) from None
