"""A tree becomes a layer: a tar whose bytes depend on the tree alone, then zstd."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from images.cache import Cache
from images.host import HostError
from images.tree import Entry, Tree

MTIME = 1_767_225_600
"""2026-01-01T00:00:00Z: every file's time, so that two builds of one tree are one blob."""
MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer in the cache."""

    digest: str
    """Of the compressed blob, ``sha256:<hex>``."""
    diff_id: str
    """Of the tar inside it."""
    size: int
    """Bytes of the blob."""
    unpacked: int
    """Bytes of the tar."""
    paths: dict[str, str]
    """Path -> fingerprint of every entry, for the layers above."""

    def record(self) -> dict[str, object]:
        """The form kept as JSON; ``Layer(**record)`` reads it."""
        return asdict(self)


class _Tee(io.RawIOBase):
    """Hands what is written on, and keeps its digest and length."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink, self.digest, self.length = sink, hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]
        self.digest.update(chunk)
        self.length += len(chunk)
        self.sink.write(chunk)
        return len(chunk)


def write_tar(tree: Tree, sink: IO[bytes]) -> tuple[str, int]:
    """Write ``tree`` as a tar, sorted by path; its digest and length."""
    tee = _Tee(sink)
    with tarfile.open(fileobj=tee, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, entry in sorted(tree.items()):
            _add(archive, path, entry)
    return f"sha256:{tee.digest.hexdigest()}", tee.length


def _add(archive: tarfile.TarFile, path: str, entry: Entry) -> None:
    info = tarfile.TarInfo(path)
    info.mode, info.uid, info.gid, info.mtime = entry.mode, entry.uid, entry.gid, MTIME
    if entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        archive.addfile(info)
    elif entry.is_directory:
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif entry.source is not None:
        info.size = entry.source.stat().st_size
        with open(entry.source, "rb") as source:
            archive.addfile(info, source)
    else:
        data = entry.data or b""
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))


def store(cache: Cache, tree: Tree, scratch: Path) -> Layer:
    """Write ``tree`` into the cache as a compressed layer."""
    packed = scratch / "layer.tar.zst"
    with subprocess.Popen(["zstd", "-q", "-6", "-f", "-o", str(packed)], stdin=subprocess.PIPE) as zstd:
        assert zstd.stdin is not None
        diff_id, unpacked = write_tar(tree, zstd.stdin)
        zstd.stdin.close()
    if zstd.returncode != 0:
        raise HostError(f"zstd failed ({zstd.returncode}): is the disk of {cache.directory} full?")
    with open(packed, "rb") as blob:
        digest = f"sha256:{hashlib.file_digest(blob, 'sha256').hexdigest()}"
    size = packed.stat().st_size
    os.replace(packed, cache.blob(digest))
    paths = {path: entry.fingerprint() for path, entry in tree.items()}
    return Layer(digest=digest, diff_id=diff_id, size=size, unpacked=unpacked, paths=paths)
