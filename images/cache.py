"""The build cache: outside the tree, addressed by content, safe under two builds at once.

blobs/sha256/<hex>        layers, configs, manifests: written once, never changed
layers/<key>.json         what a recipe's inputs (the key) gave: digests, sizes, the paths it holds
roots/<key>/              an unpacked Debian root, while its layer is being made
images/<name>.json        the newest build of an image
images/<name>.tar         its OCI archive
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def default_directory() -> Path:
    """``$PODVIRT_CACHE``, else ``~/.cache/podvirt/images``."""
    chosen = os.environ.get("PODVIRT_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "podvirt" / "images"


def digest_of(value: object) -> str:
    """A key of 64 hex digits for anything JSON can write; equal values give equal keys in any process."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cache:
    """One cache directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, *parts: str) -> Path:
        """A path inside the cache, its parent directory made."""
        path = self.directory.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def blob(self, digest: str) -> Path:
        """Where the blob ``sha256:<hex>`` lives."""
        return self.path("blobs", "sha256", digest.removeprefix("sha256:"))

    def add_blob(self, data: bytes) -> str:
        """Keep ``data``; its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if not self.blob(digest).exists():
            self.write(self.blob(digest), data)
        return digest

    def write(self, path: Path, data: bytes) -> None:
        """Write so that a reader sees the old file or the new one, never half of one."""
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
            new.write(data)
        os.replace(new.name, path)

    def read_json(self, *parts: str) -> Any:
        """What is recorded at ``parts``, or None."""
        try:
            return json.loads(self.path(*parts).read_bytes())
        except FileNotFoundError:
            return None

    def write_json(self, value: object, *parts: str) -> None:
        """Record ``value`` at ``parts``."""
        self.write(self.path(*parts), json.dumps(value, indent=1, sort_keys=True).encode())

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A directory in the cache (same file system as its blobs) that vanishes afterwards.

        It is locked as long as its maker lives, so that ``sweep`` can tell what a killed build left.
        """
        with self.lock("tmp"):
            directory = Path(tempfile.mkdtemp(prefix="work-", dir=self.path("tmp", "x").parent))
            handle = _locked(directory)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(handle)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """One at a time at ``name`` in one cache; a killed build frees it."""
        with open(self.path("locks", name), "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def sweep(self) -> None:
        """Remove what killed builds left."""
        with self.lock("tmp"):
            for directory in (self.directory / "tmp").glob("work-*"):
                with suppress(BlockingIOError):
                    handle = _locked(directory)
                    shutil.rmtree(directory, ignore_errors=True)
                    os.close(handle)

    def forget(self, blobs: Collection[str], roots: Collection[str], older_than: float) -> int:
        """Remove blobs, records of layers and roots that are not named here and were made before ``older_than``.

        ``older_than`` in seconds since the epoch: what was built lately may be wanted again after a change of branch.
        Returns the number of things removed.
        """
        kept = {digest.removeprefix("sha256:") for digest in blobs}
        stale = [path for path in self.directory.glob("blobs/sha256/*") if path.name not in kept]
        stale += [
            path
            for path in self.directory.glob("layers/*.json")
            if self.read_json("layers", path.name)["digest"].removeprefix("sha256:") not in kept
        ]
        stale += [path for path in self.directory.glob("roots/*") if path.name not in roots]
        old = [path for path in stale if path.lstat().st_ctime < older_than]
        for path in old:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(old)


def _locked(directory: Path) -> int:
    """A descriptor of ``directory`` that holds its lock; ``BlockingIOError`` if somebody else has it."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    return handle
