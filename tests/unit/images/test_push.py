"""Pushing, with the real tool, to a registry that listens."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from images.build import Built
from images.cache import Cache
from images.host import HostError
from images.layer import store
from images.naming import names_of, version
from images.oci import Settings, add_manifest, blobs_of, write_archive
from images.registry import push
from images.tree import Entry
from tests.unit.images.small_registry import registry

pytestmark = pytest.mark.skipif(
    not (shutil.which("skopeo") and shutil.which("zstd")), reason="needs the Debian packages skopeo and zstd"
)


def image(cache: Cache) -> Built:
    with cache.scratch() as scratch:
        layer = store(cache, {"hello": Entry(data=b"hello\n" * 100)}, scratch)
    digest = add_manifest(cache, Settings(environment={}, labels={}), [layer])
    archive = cache.path("images", "virt-api.tar")
    names = names_of("virt-api", digest, "abcabcabcabc")
    write_archive(cache, digest, names, archive)
    return Built(name="virt-api", names=names, digest=digest, archive=str(archive), size=layer.size, unpacked=0)


def test_every_tag_arrives_with_the_digest_it_had(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    built = image(cache)
    with registry() as server:
        pushed = list(push(built, f"{server.address}/team", verify=False))
        assert pushed == [f"{server.address}/team/virt-api:{tag}" for tag in (version(), "abcabcabcabc")]
        assert {f"sha256:{hashlib.sha256(body).hexdigest()}" for body in server.manifests.values()} == {built.digest}
        assert set(server.manifests) == {f"team/virt-api:{version()}", "team/virt-api:abcabcabcabc"}
        assert blobs_of(cache, built.digest) - {built.digest} == set(server.blobs)


def test_a_registry_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with registry() as server:
        address = server.address
    with pytest.raises(HostError, match=f"^pushing {address}/virt-api:{version()}: ") as refused:
        list(push(image(Cache(tmp_path)), address, verify=False))
    assert "\n" not in str(refused.value)
