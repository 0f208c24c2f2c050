"""The block sizes that a guest sees: powers of two, the logical one no larger than the physical one.

A disk is told one thing at a time: whether the sizes fit each other, and only then whether each is a possible size.
"""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.reading import Raw, flag, has, number, table
from virt_api.plan.rule import Offences, Rule, Subject
from virt_api.plan.rules.disks import bus_of, disks

SMALLEST, LARGEST = 512, 2 * 1024 * 1024
_SIZES = ("logical", "physical")


def _custom(subject: Subject) -> Iterator[tuple[int, Raw, Raw]]:
    for i, disk in disks(subject):
        if has(disk, "blockSize", "custom"):
            yield i, disk, table(disk, "blockSize", "custom")


def _matches_volume(disk: Raw) -> bool:
    return has(disk, "blockSize", "matchVolume") and flag(disk, "blockSize", "matchVolume", "enabled") is not False


def _custom_beside_match(subject: Subject) -> Offences:
    for i, disk, _ in _custom(subject):
        if _matches_volume(disk):
            yield {"i": i}


def _misfit(disk: Raw, custom: Raw) -> str:
    """How the sizes of a disk do not go together, "" where they do."""
    logical, physical = number(custom, "logical") or 0, number(custom, "physical") or 0
    discard = number(custom, "discardGranularity")
    if logical > physical:
        return "order"
    if bus_of(disk) == "sata" and logical != SMALLEST:
        return "sata"
    return "discard" if discard is not None and logical and discard % logical else ""


def _misfits(subject: Subject, kind: str) -> Offences:
    for i, disk, custom in _custom(subject):
        if not _matches_volume(disk) and _misfit(disk, custom) == kind:
            yield {"i": i, **{name: number(custom, name) or 0 for name in (*_SIZES, "discardGranularity")}}


def _logical_over_physical(subject: Subject) -> Offences:
    return _misfits(subject, "order")


def _logical_on_sata(subject: Subject) -> Offences:
    return _misfits(subject, "sata")


def _broken_discard(subject: Subject) -> Offences:
    return _misfits(subject, "discard")


def _sizes(subject: Subject) -> Iterator[tuple[int, str, int]]:
    for i, disk, custom in _custom(subject):
        if not _matches_volume(disk) and not _misfit(disk, custom):
            for name in _SIZES:
                yield i, name, number(custom, name) or 0


def _too_small(subject: Subject) -> Offences:
    for i, name, size in _sizes(subject):
        if size < SMALLEST:
            yield {"i": i, "name": name, "size": size}


def _too_large(subject: Subject) -> Offences:
    for i, name, size in _sizes(subject):
        if size > LARGEST:
            yield {"i": i, "name": name, "size": size}


def _no_power_of_two(subject: Subject) -> Offences:
    for i, name, size in _sizes(subject):
        if SMALLEST <= size <= LARGEST and size & (size - 1):
            yield {"i": i, "name": name, "size": size}


_SIZE = "{at}.domain.devices.disks[{i}].blockSize"

BLOCKS = (
    Rule(_custom_beside_match, _SIZE, "Block size matching can't be enabled together with a custom value"),
    Rule(
        _logical_over_physical,
        _SIZE + ".custom.logical",
        "Logical size {logical} must be the same or less than the physical size of {physical}",
    ),
    Rule(_logical_on_sata, _SIZE + ".custom.logical", "Logical size {logical} must be 512 for SATA devices"),
    Rule(
        _broken_discard,
        _SIZE + ".custom.discardGranularity",
        "Discard granularity {discardGranularity} must be multiples of logical size {logical}",
    ),
    Rule(
        _too_small,
        _SIZE + ".custom.{name}",
        "Provided size of {size} is less than the supported minimum size of 512",
    ),
    Rule(
        _too_large,
        _SIZE + ".custom.{name}",
        "Provided size of {size} is greater than the supported maximum size of 2097152",
    ),
    Rule(_no_power_of_two, _SIZE + ".custom.{name}", "Provided size of {size} is not a power of 2"),
)
