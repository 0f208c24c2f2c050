"""What comes in a container image is read by our own parser, and refused with advice where it is not plain."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virt_launcher.plan.image_header import HEAD_BYTES, ImageInfo, parse
from virt_launcher.plan.refusal import CannotBuild

GIB = 1 << 30
CLUSTER = 1 << 16


def qcow2(
    *,
    version: int = 3,
    backing: int = 0,
    cluster_bits: int = 16,
    size: int = GIB,
    encryption: int = 0,
    l1_entries: int = 2,
    l1_offset: int = 3 * CLUSTER,
    refcounts: int = CLUSTER,
    incompatible: int = 0,
    refcount_order: int = 4,
    header_length: int = 104,
    extensions: bytes = bytes(8),
) -> bytes:
    """The first cluster of a qcow2 that qemu-img could have made, with one thing changed."""
    head = struct.pack(
        ">4sIQIIQIIQQIIQ",
        b"QFI\xfb", version, backing, 0, cluster_bits, size, encryption, l1_entries, l1_offset, refcounts, 1, 0, 0,
    )  # fmt: skip
    if version == 3:
        head += struct.pack(">QQQII", incompatible, 0, 0, refcount_order, header_length)
    return (head + extensions).ljust(CLUSTER, b"\0")


WHOLE = 4 * CLUSTER


@pytest.mark.parametrize("version", [2, 3])
def test_a_plain_qcow2_is_taken(version: int) -> None:
    assert parse(qcow2(version=version), WHOLE) == ImageInfo(format="qcow2", virtual_size=GIB)


@pytest.mark.parametrize(
    ("head", "advice"),
    [
        (qcow2(backing=512), "backing file.*flatten it"),
        (qcow2(incompatible=1 << 2), "another file.*flatten it"),
        (qcow2(extensions=struct.pack(">II", 0x44415441, 8) + b"data.raw"), "external data file.*flatten it"),
        (qcow2(incompatible=1 << 1), "marked corrupt: repair it"),
        (qcow2(incompatible=1 << 40), "unknown features"),
        (qcow2(encryption=2), "encrypted: convert it"),
        (qcow2(version=1), "version 1: convert it"),
        (qcow2(cluster_bits=40), "corrupt: clusters"),
        (qcow2(size=0), "corrupt: a disk of 0 bytes"),
        (qcow2(size=1000), "corrupt: a disk of 1000 bytes"),
        (qcow2(l1_offset=400 * CLUSTER), "not copied whole"),
        (qcow2(l1_offset=5), "not where tables can be"),
        (qcow2(l1_entries=1 << 30), "not where tables can be"),
        (qcow2(l1_entries=0), "too small"),
        (qcow2(refcounts=0), "not copied whole"),
        (qcow2(header_length=20), "lengths do not fit"),
        (qcow2(refcount_order=9), "lengths do not fit"),
        (qcow2(extensions=struct.pack(">II", 1, 1 << 31)), "extension is longer"),
        (qcow2()[:80], "ends within its header"),
        (qcow2()[:40], "ends within its header"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_cause(head: bytes, advice: str) -> None:
    with pytest.raises(CannotBuild, match=advice):
        parse(head, WHOLE)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"KDMV", "VMDK"),
        (b"vhdxfile", "VHDX"),
        (b"conectix", "VHD"),
        (b"LUKS\xba\xbe", "LUKS"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"QED\0", "QED"),
    ],
)
def test_foreign_formats_are_named(head: bytes, name: str) -> None:
    with pytest.raises(CannotBuild, match=f"is {name}: convert it"):
        parse(head.ljust(512, b"\0"), 512)


def test_anything_else_of_whole_sectors_is_raw() -> None:
    assert parse(b"\xfa\xba" * 256, 1 << 20) == ImageInfo(format="raw", virtual_size=1 << 20)


@pytest.mark.parametrize(("size", "advice"), [(0, "empty"), (100, "whole sectors")])
def test_what_cannot_be_a_disk(size: int, advice: str) -> None:
    with pytest.raises(CannotBuild, match=advice):
        parse(b"x" * size, size)


@given(
    st.binary(max_size=300).map(lambda tail: b"QFI\xfb" + tail) | st.binary(max_size=300),
    st.integers(min_value=0, max_value=1 << 62),
)
def test_no_bytes_make_it_fail_otherwise_than_by_refusing(head: bytes, size: int) -> None:
    try:
        info = parse(head[:HEAD_BYTES], size)
    except CannotBuild as refusal:
        assert str(refusal)
    else:
        assert info.virtual_size > 0 and info.virtual_size % 512 == 0


@given(st.data())
def test_no_flipped_byte_brings_a_second_file_in(data: st.DataObject) -> None:
    head = bytearray(qcow2())
    for _ in range(data.draw(st.integers(1, 4))):
        head[data.draw(st.integers(0, 120))] = data.draw(st.integers(0, 255))
    try:
        info = parse(bytes(head), WHOLE)
    except CannotBuild:
        return
    if info.format == "qcow2":
        backing = struct.unpack_from(">Q", head, 8)[0]
        external = struct.unpack_from(">I", head, 4)[0] == 3 and struct.unpack_from(">Q", head, 72)[0] & 4
        assert not backing and not external
