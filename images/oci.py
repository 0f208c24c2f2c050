"""Images as the OCI image specification (v1.1) writes them: config, manifest, index, and the archive of all three."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from images.cache import Cache
from images.layer import MEDIA_TYPE, MTIME, Layer

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
REFERENCE_NAME = "org.opencontainers.image.ref.name"
CONTAINERD_NAME = "io.containerd.image.name"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a container of the image starts."""

    entrypoint: Sequence[str] = ()
    user: str = ""
    """``uid:gid``; empty is root."""
    environment: Mapping[str, str]
    labels: Mapping[str, str]


def canonical(value: object) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def config(settings: Settings, layers: Sequence[Layer]) -> bytes:
    """The image config. It bears no time of building: the same content is the same image."""
    process: dict[str, object] = {"Env": [f"{name}={value}" for name, value in sorted(settings.environment.items())]}
    if settings.entrypoint:
        process["Entrypoint"] = list(settings.entrypoint)
    if settings.user:
        process["User"] = settings.user
    process["WorkingDir"] = "/"
    process["Labels"] = dict(settings.labels)
    return canonical(
        {
            "created": "2026-01-01T00:00:00Z",
            "architecture": "amd64",
            "os": "linux",
            "config": process,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )


def descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    """A reference to a blob."""
    return {"mediaType": media_type, "digest": digest, "size": size}


def add_manifest(cache: Cache, settings: Settings, layers: Sequence[Layer]) -> str:
    """Put config and manifest into the cache; the manifest's digest, which is the image's."""
    written = config(settings, layers)
    return cache.add_blob(
        canonical(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": descriptor(CONFIG_TYPE, cache.add_blob(written), len(written)),
                "layers": [descriptor(MEDIA_TYPE, layer.digest, layer.size) for layer in layers],
            }
        )
    )


def blobs_of(cache: Cache, manifest: str) -> set[str]:
    """Digests of the manifest and of all that it refers to."""
    parsed = json.loads(cache.blob(manifest).read_bytes())
    return {manifest, parsed["config"]["digest"], *(layer["digest"] for layer in parsed["layers"])}


def write_archive(cache: Cache, manifest: str, names: Sequence[str], target: Path) -> None:
    """Write the image as an OCI archive that answers to every one of ``names``.

    ``name@sha256:…`` may be among the names: containerd only finds an imported image by digest if it bears that name.
    """
    entry = descriptor(MANIFEST_TYPE, manifest, cache.blob(manifest).stat().st_size)
    index = canonical(
        {
            "schemaVersion": 2,
            "mediaType": INDEX_TYPE,
            "manifests": [{**entry, "annotations": {REFERENCE_NAME: name, CONTAINERD_NAME: name}} for name in names],
        }
    )
    new = target.with_name(f".{target.name}.new")
    with tarfile.open(new, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", index)
        for digest in sorted(blobs_of(cache, manifest)):
            _add_file(archive, f"blobs/{digest.replace(':', '/')}", cache.blob(digest))
    os.replace(new, target)


def _header(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, MTIME, 0o644
    return info


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_header(name, len(data)), io.BytesIO(data))


def _add_file(archive: tarfile.TarFile, name: str, path: Path) -> None:
    with open(path, "rb") as source:
        archive.addfile(_header(name, path.stat().st_size), source)
