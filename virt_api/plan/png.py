"""A picture as a PNG file (ISO/IEC 15948): 8 bits of red, green and blue, rows unfiltered."""

from __future__ import annotations

import struct
import zlib

from virt_api.plan.rfb import PIXEL, Picture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2


def encode(picture: Picture) -> bytes:
    """Some 20 ms of processor for a million pixels."""
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, RGB, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _compressed(picture)) + _chunk(b"IEND", b"")


def _compressed(picture: Picture) -> bytes:
    compressor = zlib.compressobj()
    line = picture.width * PIXEL
    parts = []
    for start in range(0, len(picture.pixels), line):
        row = picture.pixels[start : start + line]
        filtered = bytearray(1 + picture.width * 3)
        for colour in range(3):
            filtered[1 + colour :: 3] = row[colour::PIXEL]
        parts.append(compressor.compress(filtered))
    return b"".join((*parts, compressor.flush()))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
