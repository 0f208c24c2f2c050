"""What the pod's mounted Secrets hold for a cloud-init volume and for the guest agent."""

from __future__ import annotations

import os

from api.volume import CloudInitConfigDriveSource, CloudInitNoCloudSource
from virt_launcher.plan.cloud_init import Secrets
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_model import paths

MAX_BYTES = 1 << 20
"""What a Secret can hold."""
MAX_KEYS = 64
NAMES = {"userdata": ("userdata", "userData"), "networkdata": ("networkdata", "networkData")}
"""The keys under which a Secret may have each part."""


def read_secrets(guest: Guest, volume: str, source: CloudInitNoCloudSource | CloudInitConfigDriveSource) -> Secrets:
    """Raises CannotBuild when the volume refers to a Secret that lacks the key."""
    return Secrets(
        user_data=_part(volume, "userdata") if source.secret_ref else None,
        network_data=_part(volume, "networkdata") if source.network_data_secret_ref else None,
        public_keys=_public_keys(guest, no_cloud=isinstance(source, CloudInitNoCloudSource)),
    )


def _part(volume: str, part: str) -> bytes:
    directory = paths.cloud_init_secret(volume, part)
    for name in NAMES[part]:
        if os.path.isfile(f"{directory}/{name}"):
            return _bounded(f"{directory}/{name}")
    raise CannotBuild(f"its Secret has no key {' or '.join(NAMES[part])}: add one")


def read_secret(name: str) -> dict[str, bytes]:
    """Keys and values of a Secret of access credentials; none where it is not mounted. Raises OSError, CannotBuild."""
    return {os.path.basename(path): _bounded(path) for path in _keys(paths.access_credential_secret(name))}


def _public_keys(guest: Guest, *, no_cloud: bool) -> tuple[str, ...]:
    """The SSH keys that are to travel by this kind of data source, in the order of Secrets and their keys."""
    keys: list[str] = []
    for credential in guest.spec.access_credentials:
        ssh = credential.ssh_public_key
        if ssh is None or ssh.source.secret is None:
            continue
        way = ssh.propagation_method
        if (way.no_cloud if no_cloud else way.config_drive) is not None:
            directory = paths.access_credential_secret(ssh.source.secret.secret_name)
            keys += [_bounded(path).decode(errors="replace").strip() for path in _keys(directory)]
    return tuple(key for key in keys if key)


def _keys(directory: str) -> list[str]:
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    return [f"{directory}/{name}" for name in names if not name.startswith(".")][:MAX_KEYS]


def _bounded(path: str) -> bytes:
    with open(path, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise CannotBuild(f"{os.path.basename(path)} in its Secret has more than {MAX_BYTES} bytes")
    return content
