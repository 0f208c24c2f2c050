"""An image is found whole in its archive, under each of its names."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

from images.cache import Cache
from images.layer import Layer
from images.naming import content_tag, names_of, tags_of, version
from images.oci import CONTAINERD_NAME, Settings, add_manifest, blobs_of, write_archive


def layer(cache: Cache, data: bytes) -> Layer:
    digest = cache.add_blob(data)
    return Layer(digest=digest, diff_id=digest, size=len(data), unpacked=len(data), paths={})


def settings(**changes: object) -> Settings:
    return Settings(**{"environment": {"PATH": "/usr/bin"}, "labels": {}, **changes})  # type: ignore[arg-type]


def test_archive_holds_every_blob_under_its_digest(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    manifest = add_manifest(cache, settings(), [layer(cache, b"one"), layer(cache, b"two")])
    write_archive(cache, manifest, ["example/x:1", "example/x:2"], tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as archive:
        blobs = {name: archive.extractfile(name).read() for name in archive.getnames()}  # type: ignore[union-attr]
    index = json.loads(blobs.pop("index.json"))
    assert json.loads(blobs.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    assert {f"sha256:{name.rsplit('/', 1)[1]}" for name in blobs} == blobs_of(cache, manifest)
    assert all(hashlib.sha256(data).hexdigest() == name.rsplit("/", 1)[1] for name, data in blobs.items())
    assert [entry["annotations"][CONTAINERD_NAME] for entry in index["manifests"]] == ["example/x:1", "example/x:2"]
    assert {entry["digest"] for entry in index["manifests"]} == {manifest}


def test_the_same_content_is_the_same_image_and_the_same_archive(tmp_path: Path) -> None:
    archives = []
    for place in ("one", "two"):
        cache = Cache(tmp_path / place)
        manifest = add_manifest(cache, settings(user="107:107"), [layer(cache, b"one")])
        write_archive(cache, manifest, ["n:1"], tmp_path / place / "x.tar")
        archives.append((manifest, (tmp_path / place / "x.tar").read_bytes()))
    assert archives[0] == archives[1]


def test_how_it_starts_is_part_of_the_image(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    pile = [layer(cache, b"one")]
    ways = [settings(), settings(user="1:1"), settings(entrypoint=("/x",)), settings(environment={"A": "b"})]
    assert len({add_manifest(cache, way, pile) for way in ways}) == len(ways)


def test_names_by_version_by_content_and_by_digest() -> None:
    digest = f"sha256:{'0123456789ab' * 5}cdef"
    assert names_of("x", digest, "abc") == [
        f"localhost/podvirt/x:{version()}",
        "localhost/podvirt/x:abc",
        f"localhost/podvirt/x@{digest}",
    ]
    assert version().startswith("v")
    assert tags_of(names_of("x", digest, "abc")) == [version(), "abc"]


def test_the_common_tag_follows_every_component() -> None:
    before = content_tag({"a": "sha256:1", "b": "sha256:2"})
    assert before == content_tag({"b": "sha256:2", "a": "sha256:1"})
    assert before != content_tag({"a": "sha256:1", "b": "sha256:3"})
    assert len(before) == 12
