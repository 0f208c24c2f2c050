"""Disks as the guest sees them.

Some fields of the messages and paths are odd (`disks.domain.devices.disks[0]`): clients have seen them that way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from virt_api.plan.causes import NOT_SUPPORTED
from virt_api.plan.reading import Raw, flag, has, number, numbered, text
from virt_api.plan.rule import Offences, Rule, Subject
from virt_api.plan.rules.interface import PCI_ADDRESS
from virt_model.name_forms import label_faults

TARGETS = ("disk", "lun", "cdrom")
BUSES = ("virtio", "scsi", "sata", "usb")
CACHES = ("none", "writethrough", "writeback")
IO_MODES = ("native", "threads")
ERROR_POLICIES = ("stop", "ignore", "report", "enospace")

_SERIAL = re.compile("[A-Za-z0-9_.+-]+", re.ASCII)
_LONGEST_SERIAL = 256


def disks(subject: Subject) -> Iterator[tuple[int, Raw]]:
    """The disks with their positions."""
    return numbered(subject.spec, "domain", "devices", "disks")


def target(disk: Raw) -> str:
    return next((target for target in TARGETS if has(disk, target)), "disk")


def bus_of(disk: Raw) -> str:
    return text(disk, target(disk), "bus")


def _repeated_name(subject: Subject) -> Offences:
    first: dict[str, int] = {}
    for i, disk in disks(subject):
        name = text(disk, "name")
        if name in first:
            yield {"i": i, "j": first[name]}
        first.setdefault(name, i)


def _several_targets(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if sum(has(disk, target) for target in TARGETS) > 1:
            yield {"i": i}


def _bad_name(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        for why in label_faults(text(disk, "name")):
            yield {"i": i, "why": why}


def _order_below_one(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if (order := number(disk, "bootOrder")) is not None and order < 1:
            yield {"i": i}


def _ide(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if bus_of(disk) == "ide":
            yield {"i": i, "target": target(disk)}


def _unknown_bus(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        bus = bus_of(disk)
        if bus and bus != "ide" and bus not in BUSES:
            yield {"i": i, "target": target(disk), "bus": bus}


def _virtio_cdrom(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if has(disk, "cdrom") and text(disk, "cdrom", "bus") == "virtio":
            yield {"i": i}


def _readonly_sata(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if text(disk, "disk", "bus") == "sata" and flag(disk, "disk", "readonly"):
            yield {"i": i}


def _addressed(subject: Subject) -> Iterator[tuple[int, Raw, str]]:
    for i, disk in disks(subject):
        if address := text(disk, "disk", "pciAddress"):
            yield i, disk, address


def _address_off_virtio(subject: Subject) -> Offences:
    for i, disk, _ in _addressed(subject):
        if text(disk, "disk", "bus") != "virtio":
            yield {"i": i}


def _malformed_address(subject: Subject) -> Offences:
    for i, _, address in _addressed(subject):
        if not PCI_ADDRESS.fullmatch(address):
            yield {"i": i, "address": address}


def _long_serial(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        if len(text(disk, "serial")) > _LONGEST_SERIAL:
            yield {"i": i}


def _odd_serial(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        serial = text(disk, "serial")
        if serial and not _SERIAL.fullmatch(serial):
            yield {"i": i}


def _unknown_cache(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        cache = text(disk, "cache")
        if cache and cache not in CACHES:
            yield {"i": i, "cache": cache}


def _unknown_io(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        mode = text(disk, "io")
        if mode and mode not in IO_MODES:
            yield {"i": i}


def _native_io_over_a_cache(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        cache = text(disk, "cache")
        if text(disk, "io") == "native" and cache in CACHES and cache != "none":
            yield {"i": i, "cache": cache}


def _unknown_error_policy(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        policy = text(disk, "errorPolicy")
        if policy and policy not in ERROR_POLICIES:
            yield {"i": i, "policy": policy}


def _dedicated_thread_off_virtio(subject: Subject) -> Offences:
    for i, disk in disks(subject):
        bus = bus_of(disk)
        if flag(disk, "dedicatedIOThread") and bus and bus != "virtio":
            yield {"i": i, "bus": bus}


_DISKS = "{at}.domain.devices.disks"
_DISK = _DISKS + "[{i}]"
_ODD = _DISKS + ".domain.devices.disks[{i}]"
_ODD_ADDRESS = _DISKS + ".domain.devices.disks.disk[{i}]"

DISKS = (
    Rule(_repeated_name, _DISK + ".name", _DISK + " and " + _DISKS + "[{j}] must not have the same Name."),
    Rule(_several_targets, _DISK, _DISK + " can only have a single target type defined"),
    Rule(
        _address_off_virtio,
        _ODD_ADDRESS + ".pciAddress",
        "disk " + _ODD_ADDRESS + ".name - setting a PCI address is only possible with bus type virtio.",
    ),
    Rule(
        _malformed_address,
        _ODD_ADDRESS + ".pciAddress",
        "disk " + _ODD_ADDRESS + ".name has malformed PCI address ({address}).",
    ),
    Rule(_order_below_one, _DISK + ".bootOrder", _DISK + " must have a boot order > 0, if supplied"),
    Rule(_ide, _DISK + ".{target}.bus", "IDE bus is not supported"),
    Rule(_virtio_cdrom, _DISK + ".cdrom.bus", "Bus type virtio is invalid for CD-ROM device"),
    Rule(_readonly_sata, _DISK + ".disk.bus", "sata hard-disks do not support read-only."),
    Rule(
        _unknown_bus,
        _DISK + ".{target}.bus",
        _DISK + " is set with an unrecognized bus {bus}, must be one of: [virtio scsi sata usb]",
    ),
    Rule(_dedicated_thread_off_virtio, _ODD, "IOThreads are not supported for disks on a {bus} bus", NOT_SUPPORTED),
    Rule(
        _odd_serial,
        _DISK + ".serial",
        _DISK + " must be made up of the following characters [A-Za-z0-9_.+-], if specified",
    ),
    Rule(_long_serial, _DISK + ".serial", _DISK + " must be less than or equal to 256 in length, if specified"),
    Rule(_unknown_cache, _DISK + ".cache", _DISK + ".cache has invalid value {cache}"),
    Rule(
        _unknown_io,
        _ODD + ".io",
        "Disk IO mode for " + _DISKS + " is not supported. Supported modes are: native, threads.",
        NOT_SUPPORTED,
    ),
    Rule(_native_io_over_a_cache, _DISK + ".io", _DISK + ".io native is only possible with cache none, not {cache}"),
    Rule(_unknown_error_policy, _DISK + ".errorPolicy", _DISK + '.errorPolicy has invalid value "{policy}"'),
    Rule(_bad_name, _ODD + ".name", "{why}"),
)
