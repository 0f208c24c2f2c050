"""What is on a cloud-init disk: names and contents of its files, for both kinds of data source."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

import msgspec

from api.volume import CloudInitConfigDriveSource, CloudInitNoCloudSource, Volume
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild

INSTANCETYPE = ("kubevirt.io/cluster-instancetype-name", "kubevirt.io/instancetype-name")
MAX_BYTES = 2 << 20
"""Of all files together: what fits in a Secret, twice."""


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What the pod's Secrets hold for one volume; None where the volume refers to none."""

    user_data: bytes | None = None
    network_data: bytes | None = None
    public_keys: tuple[str, ...] = ()


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of an ISO image."""

    label: str
    file_name: str
    """Of the image itself, as clients know it; see `file_name` for a guest with several."""
    files: dict[str, bytes]
    """By path in the image, without a leading slash."""


def no_cloud(guest: Guest, source: CloudInitNoCloudSource, secrets: Secrets) -> Disk:
    """`cidata`. Raises CannotBuild when there is neither user data nor network data."""
    user, network = _payload(source, secrets)
    meta = {
        "instance-type": _instance_type(guest),
        "instance-id": _uuid(guest),
        "local-hostname": guest.hostname,
        "public-keys": _indexed(secrets.public_keys),
    }
    files = {"user-data": user or b"", "meta-data": _json(meta)}
    return Disk(label="cidata", file_name="noCloud.iso", files=_bounded(files | _named("network-config", network)))


def config_drive(guest: Guest, source: CloudInitConfigDriveSource, secrets: Secrets) -> Disk:
    """`config-2`, in OpenStack's layout. Raises CannotBuild when there is neither user data nor network data."""
    user, network = _payload(source, secrets)
    meta = {
        "instance_type": _instance_type(guest),
        "instance_id": f"{guest.metadata.name}.{guest.metadata.namespace}",
        "local_hostname": guest.hostname,
        "hostname": guest.hostname,
        "uuid": _uuid(guest),
        "public_keys": _indexed(secrets.public_keys),
    }
    latest = "openstack/latest"
    files = {f"{latest}/user_data": user or b"", f"{latest}/meta_data.json": _json(meta)}
    files |= _named(f"{latest}/network_data.json", network)
    return Disk(label="config-2", file_name="configdrive.iso", files=_bounded(files))


def file_name(guest: Guest, volume: str, usual: str) -> str:
    """Of the image of a volume: the usual one, `<volume>-<usual>` where another volume of its kind comes before."""
    kinds = {each.name: each.cloud_init_no_cloud is None for each in guest.spec.volumes if _is_seed(each)}
    first = next(name for name, kind in kinds.items() if kind == kinds[volume])
    return usual if volume == first else f"{volume}-{usual}"


def _is_seed(volume: Volume) -> bool:
    return volume.cloud_init_no_cloud is not None or volume.cloud_init_config_drive is not None


def _payload(
    source: CloudInitNoCloudSource | CloudInitConfigDriveSource, secrets: Secrets
) -> tuple[bytes | None, bytes | None]:
    user = _first(source.user_data, source.user_data_base64, secrets.user_data, "userData")
    network = _first(source.network_data, source.network_data_base64, secrets.network_data, "networkData")
    if user is None and network is None:
        raise CannotBuild("it has neither userData nor networkData: set one, or remove the volume")
    return user, network


def _first(plain: str, encoded: str, secret: bytes | None, name: str) -> bytes | None:
    if plain:
        return plain.encode()
    if not encoded:
        return secret
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise CannotBuild(f"{name}Base64 is not base64: encode it again, without line breaks") from None


def _named(path: str, content: bytes | None) -> dict[str, bytes]:
    return {} if content is None else {path: content}


def _bounded(files: dict[str, bytes]) -> dict[str, bytes]:
    size = sum(map(len, files.values()))
    if size > MAX_BYTES:
        raise CannotBuild(f"its data has {size} bytes, at most {MAX_BYTES} are possible")
    return files


def _indexed(keys: tuple[str, ...]) -> dict[str, str]:
    return {str(index): key for index, key in enumerate(keys)}


def _uuid(guest: Guest) -> str:
    firmware = guest.spec.domain.firmware
    return firmware.uuid if firmware else ""


def _instance_type(guest: Guest) -> str:
    annotations = guest.metadata.annotations
    return next((annotations[name] for name in INSTANCETYPE if annotations.get(name)), "")


def _json(values: Mapping[str, object]) -> bytes:
    return json.dumps({name: value for name, value in values.items() if value}, indent=1).encode()
