"""What is on a cloud-init disk, and the disk itself."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pycdlib
import pytest

from api.volume import CloudInitConfigDriveSource, CloudInitNoCloudSource
from virt_launcher.cloudinit_iso import Request
from virt_launcher.plan.cloud_init import MAX_BYTES, Disk, Secrets, config_drive, no_cloud
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild

UUID = "8e3594e1-6dca-43dc-88f9-09c52f151a8f"


def guest(**spec: Any) -> Guest:
    vmi = {
        "metadata": {"name": "web.1", "namespace": "shop", "annotations": {"kubevirt.io/instancetype-name": "u1"}},
        "spec": {"domain": {"devices": {}, "firmware": {"uuid": UUID}}, **spec},
    }
    return msgspec.convert(vmi, Guest)


def test_no_cloud() -> None:
    disk = no_cloud(guest(), CloudInitNoCloudSource(user_data="#cloud-config\n"), Secrets(public_keys=("ssh-rsa A",)))
    assert (disk.label, disk.file_name) == ("cidata", "noCloud.iso")
    assert set(disk.files) == {"user-data", "meta-data"}
    assert disk.files["user-data"] == b"#cloud-config\n"
    assert json.loads(disk.files["meta-data"]) == {
        "instance-id": UUID,
        "instance-type": "u1",
        "local-hostname": "web",
        "public-keys": {"0": "ssh-rsa A"},
    }


def test_network_data_alone_still_gets_an_empty_user_data_file() -> None:
    disk = no_cloud(guest(), CloudInitNoCloudSource(network_data="version: 2\n"), Secrets())
    assert disk.files["user-data"] == b""
    assert disk.files["network-config"] == b"version: 2\n"


def test_config_drive() -> None:
    source = CloudInitConfigDriveSource(user_data_base64=base64.b64encode(b"#!/bin/sh\n").decode(), network_data="{}")
    disk = config_drive(guest(hostname="box"), source, Secrets())
    assert (disk.label, disk.file_name) == ("config-2", "configdrive.iso")
    assert disk.files["openstack/latest/user_data"] == b"#!/bin/sh\n"
    assert disk.files["openstack/latest/network_data.json"] == b"{}"
    meta = json.loads(disk.files["openstack/latest/meta_data.json"])
    assert meta == {
        "instance_id": "web.1.shop",
        "instance_type": "u1",
        "local_hostname": "box",
        "hostname": "box",
        "uuid": UUID,
    }


def test_a_secret_stands_in_for_data_in_the_spec() -> None:
    disk = no_cloud(guest(), CloudInitNoCloudSource(), Secrets(user_data=b"secret"))
    assert disk.files["user-data"] == b"secret"


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (CloudInitNoCloudSource(), "neither userData nor networkData"),
        (CloudInitNoCloudSource(user_data_base64="a\nb"), "userDataBase64 is not base64"),
        (CloudInitNoCloudSource(user_data="x" * (MAX_BYTES + 1)), "at most"),
    ],
)
def test_refusals(source: CloudInitNoCloudSource, advice: str) -> None:
    with pytest.raises(CannotBuild, match=advice):
        no_cloud(guest(), source, Secrets())


@pytest.mark.parametrize(
    "disk",
    [
        Disk(label="cidata", file_name="x", files={"user-data": b"u" * 5000, "meta-data": b"m", "network-config": b""}),
        Disk(label="config-2", file_name="x", files={"openstack/latest/user_data": b"u", "openstack/a": b"2"}),
    ],
    ids=["noCloud", "configDrive"],
)
def test_the_image_holds_the_files_under_both_kinds_of_name(disk: Disk, tmp_path: Path) -> None:
    image = tmp_path / "x.iso"
    request = msgspec.msgpack.encode(Request(label=disk.label, files=disk.files))
    subprocess.run(
        [sys.executable, "-m", "virt_launcher.cloudinit_iso", str(image)], input=request, check=True, timeout=60
    )
    assert image.stat().st_size % 2048 == 0
    iso = pycdlib.PyCdlib()
    iso.open(str(image))
    assert iso.pvd.volume_identifier.decode().strip() == disk.label
    for kind in ("rr_path", "joliet_path"):
        for name, content in disk.files.items():
            out = io.BytesIO()
            iso.get_file_from_iso_fp(out, **{kind: f"/{name}"})
            assert out.getvalue() == content
    iso.close()
