"""Which file of a containerDisk's image is the disk."""

from __future__ import annotations

import msgspec

from virt_launcher.plan.refusal import CannotBuild

DISK_DIR = "disk"
MAX_SHOWN = 5


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """The regular files of the image's root and of its `/disk`, without directories; names only, at most a few."""

    root: tuple[str, ...]
    disk: tuple[str, ...]
    """Empty too when there is no such directory."""


def choose(path: str, listing: Listing) -> str:
    """The disk's path relative to the image's root: the path of the spec, else the only file in the root, else the
    only file in `/disk`. Raises CannotBuild where that names none or several."""
    if path:
        parts = [part for part in path.split("/") if part not in ("", ".")]
        if ".." in parts or not parts:
            raise CannotBuild(f"path {path!r} does not name a file in the image: write it without ..")
        return "/".join(parts)
    if len(listing.root) == 1:
        return listing.root[0]
    if len(listing.disk) == 1:
        return f"{DISK_DIR}/{listing.disk[0]}"
    if listing.disk:
        shown = ", ".join(sorted(listing.disk)[:MAX_SHOWN])
        raise CannotBuild(
            f"the image has {len(listing.disk)} files in /disk ({shown}): name one in containerDisk.path or keep one"
        )
    raise CannotBuild("the image has no disk: put one qcow2 or raw file, readable by user 107, under /disk")
