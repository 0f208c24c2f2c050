"""Write a cloud-init ISO: a short-lived process of its own, so that the launcher never carries pycdlib.

    python3 -m virt_launcher.cloudinit_iso OUTPUT < REQUEST

REQUEST is msgpack: {"label": str, "files": {path: bytes}}. Names appear in full by Rock Ridge and by Joliet; the
plain ISO names are numbers, which no reader of cloud-init data looks at.
"""

from __future__ import annotations

import io
import os
import sys

import msgspec
import pycdlib

BLOCK = 1 << 20
"""Bytes: the image is a multiple of this, since a disk opened past the page cache must end on a host block."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What shall be on the image."""

    label: str
    files: dict[str, bytes]


def write(request: Request, output: str) -> None:
    """Make the image; it appears under its name only when it is whole."""
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=1, joliet=3, rock_ridge="1.09", vol_ident=request.label)
    plain = {"": ""}
    for path in sorted(request.files):
        _directories(iso, path, plain)
        content = request.files[path]
        parent, _, name = path.rpartition("/")
        iso.add_fp(
            io.BytesIO(content),
            len(content),
            f"{plain[parent]}/{len(plain):08d}.;1",
            rr_name=name,
            joliet_path=f"/{path}",
        )
        plain[path] = ""
    partial = f"{output}.partial"
    iso.write(partial)
    iso.close()
    os.truncate(partial, -(-os.path.getsize(partial) // BLOCK) * BLOCK)
    os.rename(partial, output)


def _directories(iso: pycdlib.PyCdlib, path: str, plain: dict[str, str]) -> None:
    """The directories above a path; `plain` maps each to its plain ISO path."""
    parts = path.split("/")[:-1]
    for depth, name in enumerate(parts, 1):
        directory = "/".join(parts[:depth])
        if directory not in plain:
            plain[directory] = f"{plain['/'.join(parts[: depth - 1])]}/{len(plain):08d}"
            iso.add_directory(plain[directory], rr_name=name, joliet_path=f"/{directory}")


def main() -> int:
    """Entry point."""
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    write(request, sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
