"""Reading the header of a disk image that came from outside, before QEMU or qemu-img opens it.

A format is never guessed by QEMU from content that a guest or an image's maker controls: this parser says `qcow2` or
`raw` or refuses. It refuses every qcow2 that would make QEMU open a second file (a backing file, an external data
file), and every header that does not fit its file. Layout: the qcow2 specification in QEMU's documentation.
"""

from __future__ import annotations

import struct

import msgspec

from virt_launcher.plan.refusal import CannotBuild

HEAD_BYTES = 64 << 10
"""How much of the file `parse` wants to see: the smallest qcow2 cluster's worth of header extensions and more."""
QCOW_MAGIC = b"QFI\xfb"
_QCOW2 = struct.Struct(">4sIQIIQIIQQIIQ")
_QCOW3 = struct.Struct(">QQQII")
_INCOMPATIBLE_KNOWN = 0b11001
"""Dirty refcounts (repaired on open), compression type, extended L2. Not: corrupt (bit 1), external data (bit 2)."""
_CORRUPT = 1 << 1
_EXTERNAL_DATA = 1 << 2
_DATA_FILE_NAME = 0x44415441
_MAX_L1_BYTES = 32 << 20
_MAX_VIRTUAL_SIZE = 1 << 50

FOREIGN = {
    b"QED\0": "QED",
    b"KDMV": "VMDK",
    b"COWD": "VMDK",
    b"# Disk Desc": "VMDK",
    b"vhdxfile": "VHDX",
    b"conectix": "VHD",
    b"LUKS\xba\xbe": "LUKS",
    b"WithoutFreeSpace": "Parallels",
    b"WithouFreSpacExt": "Parallels",
    b"<<< Oracle VM": "VDI",
    b"<<< QEMU VM": "VDI",
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
}
"""First bytes of what is neither qcow2 nor raw, and what to call it."""


class ImageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an image: its format, and the size in bytes of the disk that a guest sees."""

    format: str
    virtual_size: int


def parse(head: bytes, file_size: int) -> ImageInfo:
    """The format and size of an image, from its first HEAD_BYTES (or all of it). Raises CannotBuild."""
    if file_size == 0:
        raise CannotBuild("the file is empty: build the image with a qcow2 or raw disk in it")
    if head.startswith(QCOW_MAGIC):
        return _qcow2(head, file_size)
    for magic, name in FOREIGN.items():
        if head.startswith(magic):
            raise CannotBuild(f"the file is {name}: convert it to qcow2 or raw (qemu-img convert -O qcow2)")
    if file_size % 512:
        raise CannotBuild(
            f"the file is neither qcow2 nor a raw disk: its {file_size} bytes are not whole sectors of 512"
        )
    return ImageInfo(format="raw", virtual_size=file_size)


def _qcow2(head: bytes, file_size: int) -> ImageInfo:
    if len(head) < _QCOW2.size:
        raise _corrupt("it ends within its header")
    _, version, backing, _, cluster_bits, size, encryption, l1_entries, l1_offset, refcounts, _, _, _ = (
        _QCOW2.unpack_from(head)
    )
    if version not in (2, 3):
        raise CannotBuild(f"the file is qcow version {version}: convert it (qemu-img convert -O qcow2)")
    if backing:
        raise CannotBuild(
            "the qcow2 has a backing file, which is not in the image: flatten it (qemu-img convert -O qcow2)"
        )
    if encryption:
        raise CannotBuild("the qcow2 is encrypted: convert it without encryption (qemu-img convert -O qcow2)")
    if not 9 <= cluster_bits <= 21:
        raise _corrupt(f"clusters of 2^{cluster_bits} bytes do not exist")
    if version == 3:
        _features(head, 1 << cluster_bits)
    if not 0 < size <= _MAX_VIRTUAL_SIZE or size % 512:
        raise _corrupt(f"a disk of {size} bytes cannot be")
    _tables(1 << cluster_bits, size, l1_entries, l1_offset, refcounts, file_size)
    return ImageInfo(format="qcow2", virtual_size=size)


def _features(head: bytes, cluster: int) -> None:
    """Version 3: feature bits and header extensions."""
    if len(head) < _QCOW2.size + _QCOW3.size:
        raise _corrupt("it ends within its header")
    incompatible, _, _, refcount_order, length = _QCOW3.unpack_from(head, _QCOW2.size)
    if incompatible & _EXTERNAL_DATA:
        raise CannotBuild("the qcow2 keeps its data in another file: flatten it (qemu-img convert -O qcow2)")
    if incompatible & _CORRUPT:
        raise _corrupt("it is marked corrupt: repair it (qemu-img check -r all)")
    if incompatible & ~_INCOMPATIBLE_KNOWN:
        raise CannotBuild(f"the qcow2 uses unknown features {incompatible:#x}: convert it with an older qemu-img")
    if refcount_order > 6 or length < _QCOW2.size + _QCOW3.size or length > min(cluster, len(head)):
        raise _corrupt("its header's lengths do not fit")
    _extensions(head[length:cluster])


def _extensions(area: bytes) -> None:
    offset = 0
    while offset + 8 <= len(area):
        kind, length = struct.unpack_from(">II", area, offset)
        if kind == 0:
            return
        if kind == _DATA_FILE_NAME:
            raise CannotBuild("the qcow2 names an external data file: flatten it (qemu-img convert -O qcow2)")
        offset += 8 + (length + 7) // 8 * 8
        if offset > len(area):
            raise _corrupt("a header extension is longer than its cluster")


def _tables(cluster: int, size: int, l1_entries: int, l1_offset: int, refcounts: int, file_size: int) -> None:
    """The first level of both tables must lie in the file, and the mapping must be large enough for the disk."""
    if l1_entries * 8 > _MAX_L1_BYTES or l1_offset % cluster or refcounts % cluster:
        raise _corrupt("its tables are not where tables can be")
    if l1_offset + l1_entries * 8 > file_size or not 0 < refcounts < file_size or (l1_entries and not l1_offset):
        raise _corrupt("it is shorter than its tables: it was not copied whole")
    mapped_by_entry = cluster * (cluster // 8)
    if l1_entries * mapped_by_entry * 2 < size:
        raise _corrupt(f"its table of {l1_entries} entries is too small for {size} bytes")


def _corrupt(detail: str) -> CannotBuild:
    return CannotBuild(f"the qcow2 is corrupt: {detail}")
