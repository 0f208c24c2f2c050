"""What a layer and an image are made of, and where things are in them.

A *layer* is a choice of files out of Debian packages; an *image* is a pile of layers with podvirt's own code on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from images.tree import Entry

PYTHON = "usr/lib/python3.14"
PACKAGES = "usr/lib/python3/dist-packages"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
SUITE = "forky"

OTHER_USER, QEMU_USER = 1001, 107
"""Components run as 1001. 107 is the user of guests: the API promises it to whoever prepares a disk."""


@dataclass(frozen=True, kw_only=True)
class LayerRecipe:
    """Files out of Debian, without podvirt's code."""

    packages: tuple[str, ...]
    keep: tuple[str, ...]
    drop: tuple[str, ...] = ()
    files: Mapping[str, Entry] = field(default_factory=dict)
    """What no package brings: users, links, mount points."""
    parent: str | None = None
    """The layer below."""


@dataclass(frozen=True, kw_only=True)
class Shim:
    """A command that calls a function of podvirt: started isolated (``-I``) and without ``site`` (``-S``)."""

    path: str
    module: str
    function: str = "main"
    flags: str = "-IS"
    """``-ISOO`` drops docstrings and assertions: a mebibyte less in a process that runs once per VM."""

    def script(self) -> bytes:
        """The text of the command."""
        return (
            f"#!/usr/bin/python3 {self.flags}\nimport sys\n\nsys.path.append('/{PACKAGES}')\n"
            f"from {self.module} import {self.function}\n\nsys.exit({self.function}())\n"
        ).encode()


@dataclass(frozen=True, kw_only=True)
class ImageRecipe:
    """One image with podvirt's code."""

    layers: tuple[str, ...]
    """Names in ``LAYERS``, lowest first."""
    ships: tuple[str, ...]
    """podvirt's packages inside."""
    shims: tuple[Shim, ...]
    """Commands that are Python. Scripts are found in the ``bin`` directory of a shipped package."""
    entrypoint: str
    user: int = OTHER_USER
    environment: Mapping[str, str] = field(default_factory=dict)
    title: str
