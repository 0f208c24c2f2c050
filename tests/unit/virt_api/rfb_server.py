"""A VNC server with a screen of 3x2 pixels, as the bytes that it says."""

from __future__ import annotations

import struct

RED, GREEN, BLUE, BLACK = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\0\0\0"
ROWS = [[RED, GREEN, BLUE], [BLACK, RED, GREEN]]
GREETING = b"RFB 003.008\n" + bytes([2, 19, 1]) + bytes(4)


def init(width: int = 3, height: int = 2, name: bytes = b"QEMU (x)") -> bytes:
    return struct.pack(">HH16xI", width, height, len(name)) + name


def part(x: int, y: int, rows: list[list[bytes]], encoding: int = 0) -> bytes:
    pixels = b"".join(pixel + b"?" for row in rows for pixel in row)
    return struct.pack(">HHHHi", x, y, len(rows[0]), len(rows), encoding) + pixels


def update(*parts: bytes) -> bytes:
    return struct.pack(">BxH", 0, len(parts)) + b"".join(parts)


CUT_TEXT = struct.pack(">B3xI", 3, 5) + b"hello"
BELL = b"\x02"
WHOLE = update(part(0, 0, [row[:2] for row in ROWS]), part(2, 0, [row[2:] for row in ROWS]))
EVERYTHING = GREETING + init() + BELL + CUT_TEXT + WHOLE
