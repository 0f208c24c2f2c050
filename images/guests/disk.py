"""Guest disks as container images: one file, ``/disk/disk.qcow2``, that the user of guests may read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from images.cache import digest_of
from images.guests import debian, tiny
from images.host import ensure, run
from images.recipe import QEMU_USER
from images.tree import DIRECTORY_MODE, Entry, Tree


class Recipe(Protocol):
    """What a guest's module offers."""

    SUITE: str
    PACKAGES: tuple[str, ...]

    def inputs(self) -> list[Path]:
        """Files whose content decides what the disk holds."""

    def make(self, raw: Path, scratch: Path) -> None:
        """Write a bootable raw disk to ``raw``."""


RECIPES: Mapping[str, Recipe] = {"guest-tiny": tiny, "guest-debian": debian}


def key(name: str) -> str:
    """The key of a guest: the code and files that make it."""
    recipe = RECIPES[name]
    contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (Path(__file__), *recipe.inputs())]
    return digest_of([name, recipe.SUITE, recipe.PACKAGES, contents])


def tree_of(name: str, scratch: Path) -> Tree:
    """The single layer of a guest's image."""
    ensure("qemu-img")
    raw, packed = scratch / "disk.raw", scratch / "disk.qcow2"
    RECIPES[name].make(raw, scratch)
    run(
        ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(packed)],
        what=f"writing the disk of {name}",
        timeout=600,
    )
    raw.unlink()
    return {
        "disk": Entry(mode=DIRECTORY_MODE),
        "disk/disk.qcow2": Entry(mode=0o440, uid=QEMU_USER, gid=QEMU_USER, source=packed),
    }
