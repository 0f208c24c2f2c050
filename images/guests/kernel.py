"""A Debian kernel out of an unpacked package: its image, and modules in the order in which they can be loaded."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from images.host import HostError


def image(root: Path) -> Path:
    """The compressed kernel image."""
    found = sorted((root / "boot").glob("vmlinuz-*"))
    if not found:
        raise HostError(f"no kernel in {root}/boot: the Debian package holds none any more")
    return found[-1]


def modules(root: Path, wanted: Iterable[str]) -> dict[str, bytes]:
    """Name -> module, unpacked: the wanted ones and those they depend on, each after what it needs.

    A name that is no file is taken as built into the kernel, if the package lists it so.
    """
    folder = next((root / "usr/lib/modules").iterdir())
    files = {path.name.split(".", 1)[0].replace("-", "_"): path for path in folder.rglob("*.ko*")}
    builtin = {Path(line).stem.replace("-", "_") for line in (folder / "modules.builtin").read_text().splitlines()}
    loaded: dict[str, bytes] = {}

    def load(name: str) -> None:
        if name in loaded or name in builtin:
            return
        if name not in files:
            raise HostError(f"the kernel has no module {name}")
        content = _unpacked(files[name])
        for dependency in dependencies(content):
            load(dependency)
        loaded[name] = content

    for name in wanted:
        load(name)
    return loaded


def dependencies(module: bytes) -> Sequence[str]:
    """Names in a module's ``depends`` field."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name] if found else ()


def _unpacked(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
