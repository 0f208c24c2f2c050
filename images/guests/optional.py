"""Parts of ``guest-tiny`` that lie on its boot disk and cost nothing until ``optional NAME`` in the guest adds one.

A part is a tar beside the kernel: programs out of Debian with their libraries, kernel modules, and the files of
``optional/NAME/``, among them ``/usr/libexec/optional/NAME``, which starts it.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images import closure, layer, tree
from images.guests import kernel
from images.tree import Entry, Tree

FILES = Path(__file__).parent / "optional"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a part takes from Debian."""

    packages: tuple[str, ...]
    keep: tuple[str, ...]
    """Files; their libraries come along."""
    modules: tuple[str, ...] = ()
    """Of the kernel; loaded in this order by the part's start script, which finds their names in `lib/modules/NAME`."""


PARTS: Mapping[str, Part] = {
    "guest-agent": Part(
        packages=("qemu-guest-agent", "e2fsprogs"),
        keep=("usr/sbin/qemu-ga", "usr/sbin/mke2fs"),  # what is in memory, and FAT, cannot be frozen
        modules=("virtio_console", "ext4"),
    ),
    "ssh": Part(
        packages=("dropbear-bin", "openssh-sftp-server"),
        keep=("usr/sbin/dropbear", "usr/lib/sftp-server"),  # scp speaks SFTP
    ),
}


def packages() -> tuple[str, ...]:
    """What must be unpacked for all parts."""
    return tuple(package for part in PARTS.values() for package in part.packages)


def overlay(folder: Path) -> Tree:
    """The files below ``folder`` as they lie in a guest: those that begin with ``#!`` can be run."""
    found = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        str(path.relative_to(folder)): Entry(mode=0o755 if data.startswith(b"#!") else 0o644, data=data)
        for path, data in found.items()
    }


def archive(root: Path, name: str) -> bytes:
    """The part as a gzipped tar; ``root`` has its packages and the kernel unpacked."""
    part = PARTS[name]
    everything = tree.scan(root)
    chosen = closure.with_libraries(everything, tree.select(everything, part.keep))
    if interpreter := tree.select(everything, ("usr/lib64/ld-linux*",)):
        chosen |= tree.follow_links(everything, interpreter) | {"lib64": Entry(mode=0o777, link="usr/lib64")}
    modules = kernel.modules(root, part.modules)
    chosen |= {f"lib/modules/{module}.ko": Entry(data=content) for module, content in modules.items()}
    chosen[f"lib/modules/{name}"] = Entry(data="".join(f"{module}\n" for module in modules).encode())
    chosen |= overlay(FILES / name)
    packed = io.BytesIO()
    layer.write_tar(tree.with_parents(chosen, {}), packed)
    return gzip.compress(packed.getvalue(), mtime=0)
