"""From volumes to files, in a directory of our own and with a real qemu-img where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from virt_launcher.adapters import volumes
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.image_header import parse
from virt_launcher.plan.refusal import CannotBuild
from virt_model import paths

SECTORS = bytes(1 << 20)
needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="no qemu-img here")


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's directories below a temporary one."""
    for place in ("PRIVATE", "PUBLIC", "EPHEMERAL_DISKS", "LIBVIRT_RUNTIME", "IMAGE_VOLUMES"):
        monkeypatch.setattr(paths, place, str(tmp_path / getattr(paths, place).lstrip("/")))
    return tmp_path


@pytest.fixture
def image(pod: Path) -> Callable[[dict[str, bytes]], Path]:
    """Makes the first volume's image of the given files."""

    def make(files: dict[str, bytes]) -> Path:
        root = Path(paths.image_volume(0))
        root.mkdir(parents=True)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        return root

    return make


def guest(*kinds: dict[str, Any]) -> Guest:
    names = [f"v{index}" for index in range(len(kinds))]
    vmi = {
        "metadata": {"name": "a", "namespace": "ns", "uid": "u"},
        "spec": {
            "domain": {"devices": {"disks": [{"name": name, "disk": {}} for name in names]}},
            "volumes": [{"name": name, **kind} for name, kind in zip(names, kinds, strict=True)],
        },
    }
    return msgspec.convert(vmi, Guest)


CONTAINER_DISK: dict[str, Any] = {"containerDisk": {"image": "x"}}


@needs_qemu_img
def test_a_container_disk_gets_an_overlay_of_its_size(image: Callable[..., Path]) -> None:
    image({"disk/d.raw": SECTORS})
    source = volumes.prepare(guest(CONTAINER_DISK))["v0"]
    assert source.image.format == "qcow2" and source.backing is not None
    assert (source.backing.path, source.backing.format) == (paths.container_disk(0), "raw")
    assert os.path.realpath(source.backing.path).endswith("/disk/d.raw")
    head = Path(source.image.path).read_bytes()
    with pytest.raises(CannotBuild, match="backing file"):
        parse(head, len(head))
    assert paths.container_disk(0).encode() in head
    assert int.from_bytes(head[24:32], "big") == len(SECTORS)


@needs_qemu_img
def test_it_can_be_prepared_again_after_a_failure(image: Callable[..., Path]) -> None:
    image({"disk/d.raw": SECTORS})
    assert volumes.prepare(guest(CONTAINER_DISK)) == volumes.prepare(guest(CONTAINER_DISK))


@needs_qemu_img
def test_an_empty_disk_is_rounded_up_to_sectors(pod: Path) -> None:
    source = volumes.prepare(guest({"emptyDisk": {"capacity": "1M"}}))["v0"]
    head = Path(source.image.path).read_bytes()
    assert parse(head, len(head)).virtual_size == 1_000_448


@pytest.mark.parametrize(
    ("files", "advice"),
    [
        ({"readme/x": b"", "readme/y": b""}, "v0: the image has no disk: put one"),
        ({"disk/a": SECTORS, "disk/b": SECTORS}, "v0: the image has 2 files in /disk"),
        ({"disk/a": b"KDMV".ljust(512)}, "v0: /disk/a in the image: the file is VMDK: convert it"),
        ({"disk/a": b""}, "v0: /disk/a in the image: the file is empty"),
    ],
)
def test_bad_images(image: Callable[..., Path], files: dict[str, bytes], advice: str) -> None:
    image(files)
    with pytest.raises(CannotBuild, match=advice):
        volumes.prepare(guest(CONTAINER_DISK))


def test_a_link_out_of_the_image_is_refused(image: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECTORS)
    (image({}) / "disk.img").symlink_to(tmp_path / "secret")
    with pytest.raises(CannotBuild, match="link that leaves the image"):
        volumes.prepare(guest(CONTAINER_DISK))


def test_a_path_that_is_not_there(image: Callable[..., Path]) -> None:
    image({"disk/a": SECTORS})
    with pytest.raises(CannotBuild, match=r"no file /b: correct containerDisk\.path"):
        volumes.prepare(guest({"containerDisk": {"image": "x", "path": "/b"}}))


def test_an_image_that_is_not_mounted(pod: Path) -> None:
    with pytest.raises(CannotBuild, match="must support image volumes"):
        volumes.prepare(guest(CONTAINER_DISK))


def test_a_kind_that_is_not_supported_says_which_are(pod: Path) -> None:
    with pytest.raises(CannotBuild, match=r"v0: its kind is not supported.*containerDisk"):
        volumes.prepare(guest({"persistentVolumeClaim": {"claimName": "c"}}))


def test_cloud_init_data_from_a_secret(pod: Path) -> None:
    secret = Path(paths.cloud_init_secret("v0", "userdata"))
    wanted = guest({"cloudInitNoCloud": {"secretRef": {"name": "s"}}})
    with pytest.raises(CannotBuild, match="v0: its Secret has no key userdata or userData"):
        volumes.prepare(wanted)
    secret.mkdir(parents=True)
    (secret / "userData").write_bytes(b"#cloud-config\n# out of the secret\n")
    source = volumes.prepare(wanted)["v0"]
    assert source.image.format == "raw"
    assert b"# out of the secret" in Path(source.image.path).read_bytes()
