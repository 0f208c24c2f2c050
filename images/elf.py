"""The shared libraries that an ELF file asks for: enough of the format to read DT_NEEDED of a 64-bit file.

Source: System V ABI, chapters 4 and 5, and the AMD64 supplement. Little-endian 64-bit only, which is what the images
are built for.
"""

from __future__ import annotations

import struct
from pathlib import Path

MAGIC = b"\x7fELF\x02\x01"
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB = 0, 1, 5


def needed(path: Path) -> tuple[str, ...]:
    """Names in DT_NEEDED, then the base name of the program interpreter; empty for what is not such a file."""
    with open(path, "rb") as handle:
        if handle.read(len(MAGIC)) != MAGIC:
            return ()
        handle.seek(0)
        image = handle.read()
    headers = _program_headers(image)
    names = [
        name
        for kind, offset, _, size in headers
        if kind == PT_DYNAMIC
        for name in _dynamic_names(image, headers, offset, size)
    ]
    for kind, offset, _, size in headers:
        if kind == PT_INTERP:
            names.append(image[offset : offset + size].rstrip(b"\0").decode().rsplit("/", 1)[-1])
    return tuple(names)


def _program_headers(image: bytes) -> list[tuple[int, int, int, int]]:
    """(type, file offset, virtual address, size in file) of each segment."""
    (table,) = struct.unpack_from("<Q", image, 32)
    entry_size, count = struct.unpack_from("<HH", image, 54)
    headers = []
    for index in range(count):
        header = struct.unpack_from("<IIQQQQ", image, table + index * entry_size)
        kind, _flags, offset, address, _physical, size = header
        headers.append((kind, offset, address, size))
    return headers


def _dynamic_names(image: bytes, headers: list[tuple[int, int, int, int]], offset: int, size: int) -> list[str]:
    names_at, strings = [], 0
    for position in range(offset, offset + size, 16):
        tag, value = struct.unpack_from("<QQ", image, position)
        if tag == DT_NULL:
            break
        if tag == DT_NEEDED:
            names_at.append(value)
        elif tag == DT_STRTAB:
            strings = _file_offset(headers, value)
    return [image[strings + at : image.index(b"\0", strings + at)].decode() for at in names_at]


def _file_offset(headers: list[tuple[int, int, int, int]], address: int) -> int:
    for kind, offset, start, size in headers:
        if kind == PT_LOAD and start <= address < start + size:
            return offset + address - start
    raise ValueError(f"address {address:#x} lies in no segment of the file")
