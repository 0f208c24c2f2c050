"""Image archives: what is written is read back, and every name is the full one."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from localcluster.cluster import images
from localcluster.programs import archive, pause
from localcluster.trouble import Trouble


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("alpine", "docker.io/library/alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3"),
        ("someone/thing:1", "docker.io/someone/thing:1"),
        ("localhost/podvirt/pause:1", "localhost/podvirt/pause:1"),
        ("registry.example:5000/a/b", "registry.example:5000/a/b:latest"),
        ("quay.io/a/b:v1", "quay.io/a/b:v1"),
    ],
)
def test_names_are_expanded_as_kubernetes_does(name: str, full: str) -> None:
    assert archive.full_name(name) == full


def test_an_image_has_a_second_name_by_digest() -> None:
    image = archive.Image(name="registry.example:5000/a/b:v1", digest="sha256:12")
    assert image.pinned == "registry.example:5000/a/b@sha256:12"


def _write(place: Path, name: str = "localhost/x:1") -> None:
    archive.write(place, name=name, files={"bin/x": b"x"}, entrypoint=["/bin/x"], user="0:0")


def test_what_is_written_is_read_back_and_hangs_together(tmp_path: Path) -> None:
    place = tmp_path / "x.tar"
    _write(place)
    [image] = archive.images(place)
    assert image.name == "localhost/x:1"
    with tarfile.open(place) as tar:
        blobs = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest = json.loads(blobs[f"blobs/sha256/{image.digest[7:]}"])
    for part in (manifest["config"], *manifest["layers"]):
        blob = blobs[f"blobs/sha256/{part['digest'][7:]}"]
        assert part["size"] == len(blob) and part["digest"][7:] == hashlib.sha256(blob).hexdigest()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "a.tar")
    _write(tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_file_that_is_no_archive_is_answered_with_advice(tmp_path: Path) -> None:
    place = tmp_path / "no.tar"
    place.write_text("no")
    with pytest.raises(Trouble, match="OCI archive"):
        images.read(place)
    with pytest.raises(Trouble, match="cannot be loaded"):
        images.read(tmp_path / "absent.tar")
    with tarfile.open(place, "w"):
        pass
    with pytest.raises(Trouble, match=r"no index\.json"):
        images.read(place)


def test_the_pause_image_is_tiny_and_has_its_name(tmp_path: Path) -> None:
    place = pause.image(tmp_path, "localhost/podvirt/pause:1")
    assert [image.name for image in archive.images(place)] == ["localhost/podvirt/pause:1"]
    assert place.stat().st_size < 50_000
