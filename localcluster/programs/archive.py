"""OCI image archives: a small writer, and a reader of what an archive holds (image-spec v1.1, image-layout)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "io.containerd.image.name"
REF = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, kw_only=True)
class Image:
    """One entry of an archive's index: its full name (with tag) and the digest it points to."""

    name: str
    digest: str

    @property
    def pinned(self) -> str:
        """The same image by digest: `host/path@sha256:...`."""
        head, slash, tail = self.name.rpartition("/")
        return f"{head}{slash}{tail.partition('@')[0].partition(':')[0]}@{self.digest}"


def images(place: Path) -> list[Image]:
    """What an archive holds. Raises ValueError when it is no OCI archive or an image in it has no name."""
    with tarfile.open(place) as tar:
        index = next(
            (tar.extractfile(member) for member in tar if member.name.removeprefix("./") == "index.json"), None
        )
        if index is None:
            raise ValueError("it has no index.json: not an OCI archive")
        entries = json.load(index).get("manifests", [])
    found = []
    for entry in entries:
        notes = entry.get("annotations") or {}
        name = notes.get(NAME) or notes.get(REF)
        if not name:
            raise ValueError("an image in it has no name: write it as oci-archive:FILE:NAME:TAG")
        found.append(Image(name=full_name(name), digest=entry["digest"]))
    return found


def full_name(name: str) -> str:
    """As Kubernetes expands it: `alpine` -> `docker.io/library/alpine:latest`."""
    head, slash, rest = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in head and ":" not in head and head != "localhost":
        name = f"docker.io/{head}/{rest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def write(place: Path, *, name: str, files: dict[str, bytes], entrypoint: list[str], user: str) -> None:
    """Write an image of one layer. The same input gives the same bytes."""
    layer = _tar({path: (data, 0o755) for path, data in files.items()})
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": entrypoint, "User": user},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    kind = "application/vnd.oci.image"
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": f"{kind}.manifest.v1+json",
            "config": _descriptor(f"{kind}.config.v1+json", config),
            "layers": [_descriptor(f"{kind}.layer.v1.tar", layer)],
        }
    )
    entry = {
        **_descriptor(f"{kind}.manifest.v1+json", manifest),
        "annotations": {NAME: name, REF: name.rpartition(":")[2]},
    }
    index = _json({"schemaVersion": 2, "mediaType": f"{kind}.index.v1+json", "manifests": [entry]})
    blobs = {f"blobs/sha256/{_digest(blob)[7:]}": (blob, 0o644) for blob in (manifest, config, layer)}
    whole = {"oci-layout": (_json({"imageLayoutVersion": "1.0.0"}), 0o644), "index.json": (index, 0o644), **blobs}
    scratch = place.with_suffix(".part")
    scratch.write_bytes(_tar(whole))
    scratch.rename(place)


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (data, mode) in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()
