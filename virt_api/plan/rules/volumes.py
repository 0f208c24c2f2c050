"""Volumes, each with one source; what a source needs; and the disks that show them to the guest.

A volume without a disk is fine (it gets one), a disk without a volume is not, unless it is a CD-ROM drive: that may
be empty.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from virt_api.plan.causes import NOT_FOUND
from virt_api.plan.reading import Raw, amount, flag, has, numbered, rows, text
from virt_api.plan.rule import Offences, Rule, Subject
from virt_api.plan.rules.disks import disks

SOURCES = (
    "hostDisk",
    "persistentVolumeClaim",
    "dataVolume",
    "containerDisk",
    "cloudInitNoCloud",
    "cloudInitConfigDrive",
    "sysprep",
    "ephemeral",
    "emptyDisk",
    "configMap",
    "secret",
    "downwardAPI",
    "serviceAccount",
    "downwardMetrics",
    "memoryDump",
    "containerPath",
)
_ONE_AT_MOST = {
    "serviceAccount": "serviceAccount",
    "downwardMetrics": "downwardMetric",
    "memoryDump": "memory dump",
}
"""What may be there once, and how the refusal calls it."""
_HOST_DISK_TYPES = ("Disk", "DiskOrCreate")
_CLAIMS = ("persistentVolumeClaim", "dataVolume")


def _without_volume(subject: Subject) -> Iterator[tuple[int, Raw]]:
    names = {text(volume, "name") for volume in rows(subject.spec, "volumes")}
    return ((i, disk) for i, disk in disks(subject) if text(disk, "name") not in names)


def _disk_without_volume(subject: Subject) -> Offences:
    for i, disk in _without_volume(subject):
        if not has(disk, "cdrom"):
            yield {"i": i, "name": text(disk, "name")}


def _empty_drive(subject: Subject) -> Offences:
    for i, disk in _without_volume(subject):
        if has(disk, "cdrom") and not subject.config.gate("DeclarativeHotplugVolumes"):
            yield {"i": i}


def _lun_without_claim(subject: Subject) -> Offences:
    volumes = {text(volume, "name"): volume for volume in rows(subject.spec, "volumes")}
    for i, disk in disks(subject):
        volume = volumes.get(text(disk, "name"))
        if has(disk, "lun") and volume is not None and not any(has(volume, claim) for claim in _CLAIMS):
            yield {"i": i}


def _repeated_name(subject: Subject) -> Offences:
    first: dict[str, int] = {}
    for i, volume in numbered(subject.spec, "volumes"):
        name = text(volume, "name")
        if name in first:
            yield {"i": i, "j": first[name]}
        first.setdefault(name, i)


def _not_one_source(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        if sum(has(volume, source) for source in SOURCES) != 1:
            yield {"i": i}


def _host_disk_without_path(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        if has(volume, "hostDisk") and not text(volume, "hostDisk", "path"):
            yield {"i": i}


def _sized_existing_host_disk(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        if text(volume, "hostDisk", "type") == "Disk" and amount(volume, "hostDisk", "capacity"):
            yield {"i": i}


def _unknown_host_disk_type(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        kind = text(volume, "hostDisk", "type")
        if has(volume, "hostDisk") and kind not in _HOST_DISK_TYPES:
            yield {"i": i, "kind": kind}


def _empty_disk_without_size(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        if has(volume, "emptyDisk") and (amount(volume, "emptyDisk", "capacity") or 0) <= 0:
            yield {"i": i}


def _too_many(subject: Subject) -> Offences:
    for source, words in _ONE_AT_MOST.items():
        if sum(has(volume, source) for volume in rows(subject.spec, "volumes")) > 1:
            yield {"words": words}


def _unreachable_container_path(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        path = text(volume, "containerDisk", "path")
        if path and path != "/" and posixpath.normpath("/" + path.lstrip("/")) != path.removesuffix("/"):
            yield {"i": i}


def _root_as_container_path(subject: Subject) -> Offences:
    for i, volume in numbered(subject.spec, "volumes"):
        if text(volume, "containerDisk", "path") == "/":
            yield {"i": i}


def _propagation_without_no_cloud(subject: Subject) -> Offences:
    present = any(has(volume, "cloudInitNoCloud") for volume in rows(subject.spec, "volumes"))
    for i, credential in numbered(subject.spec, "accessCredentials"):
        if has(credential, "sshPublicKey", "propagationMethod", "noCloud") and not present:
            yield {"i": i}


def _propagation_without_config_drive(subject: Subject) -> Offences:
    present = any(has(volume, "cloudInitConfigDrive") for volume in rows(subject.spec, "volumes"))
    for i, credential in numbered(subject.spec, "accessCredentials"):
        if has(credential, "sshPublicKey", "propagationMethod", "configDrive") and not present:
            yield {"i": i}


def _shared_serially(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if flag(disk, "shareable") and text(disk, "cache") not in ("", "none"):
            yield {"i": i}


_DISK = "{at}.domain.devices.disks[{i}]"
_VOLUME = "{at}.volumes[{i}]"
_CREDENTIAL = "{at}.accessCredentials[{i}]"

VOLUME_DISKS = (
    Rule(_disk_without_volume, _DISK + ".name", _DISK + ".Name '{name}' not found."),
    Rule(
        _empty_drive,
        _DISK + ".name",
        "DeclarativeHotplugVolumes feature gate not enabled, cannot define an empty CD-ROM disk",
    ),
    Rule(
        _lun_without_claim,
        _DISK + ".lun",
        _DISK + ".lun can only be mapped to a DataVolume or PersistentVolumeClaim volume.",
    ),
)
VOLUMES = (
    Rule(_repeated_name, _VOLUME + ".name", _VOLUME + " and {at}.volumes[{j}] must not have the same Name."),
    Rule(_not_one_source, _VOLUME, _VOLUME + " must have exactly one source type set"),
    Rule(
        _host_disk_without_path,
        _VOLUME + ".hostDisk.path",
        _VOLUME + ".hostDisk.path is required for hostDisk volume",
        NOT_FOUND,
    ),
    Rule(
        _unknown_host_disk_type,
        _VOLUME + ".hostDisk.type",
        _VOLUME + ".hostDisk.type has invalid value '{kind}', allowed are 'Disk' or 'DiskOrCreate'",
    ),
    Rule(
        _sized_existing_host_disk,
        _VOLUME + ".hostDisk.capacity",
        _VOLUME
        + ".hostDisk.capacity is allowed to pass only with "
        + _VOLUME
        + ".hostDisk.type equal to 'DiskOrCreate'",
    ),
    Rule(
        _empty_disk_without_size,
        _VOLUME + ".emptyDisk.capacity",
        _VOLUME + ".emptyDisk.capacity must be greater than 0",
    ),
    Rule(_too_many, "{at}.volumes", "{at}.volumes must have max one {words} volume set"),
    Rule(_shared_serially, _DISK + ".cache", _DISK + " is shareable and can only use cache none"),
)
CONTAINER_DISKS = (
    Rule(_root_as_container_path, _VOLUME + ".containerDisk", _VOLUME + ".containerDisk must not point to root"),
    Rule(
        _unreachable_container_path,
        _VOLUME + ".containerDisk",
        _VOLUME + ".containerDisk must be an absolute path to a file without relative components",
    ),
)
CREDENTIALS = (
    Rule(
        _propagation_without_no_cloud,
        _CREDENTIAL + ".sshPublicKey.propagationMethod",
        _CREDENTIAL + " requires a noCloud volume to exist when the noCloud propagationMethod is in use.",
    ),
    Rule(
        _propagation_without_config_drive,
        _CREDENTIAL + ".sshPublicKey.propagationMethod",
        _CREDENTIAL + " requires a configDrive volume to exist when the configDrive propagationMethod is in use.",
    ),
)
