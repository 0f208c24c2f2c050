"""One picture of a guest's screen: our side of a conversation in RFB 3.8 (RFC 6143), as a generator that does no I/O.

It yields a number where it wants to be sent that many bytes, and bytes where they are to be said. Pixels are asked for
as red, green, blue and one byte unused; encodings other than raw are not understood, so none but raw is offered.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

import msgspec

VERSION = b"RFB 003.008\n"
NO_PASSWORD = 1
SHARED = b"\x01"  # others may look too
PIXEL = 4  # bytes
MOST_PIXELS = 1 << 24  # QEMU's largest screens have about 2^23
LONGEST_TEXT = 1 << 16  # bytes of a name, a reason or a clipboard
SET_FORMAT = struct.pack(">B3x BBBB HHH BBB 3x", 0, 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)
SET_ENCODINGS = struct.pack(">BxHi", 2, 1, 0)
UPDATE, BELL, CUT_TEXT = 0, 2, 3

Talk = Generator[int | bytes, bytes, "Picture"]


class RfbError(Exception):
    """The server says what we do not understand, or more than it should."""


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """`pixels`: row by row, four bytes each, of which the last says nothing."""

    width: int
    height: int
    pixels: bytes


def picture(*, move_cursor: bool) -> Talk:
    """`move_cursor`: nudge the pointer first, for a screen that sleeps. Raises RfbError."""
    width, height = yield from _enter()
    yield SET_FORMAT + SET_ENCODINGS
    if move_cursor:
        yield _pointer(0, 0) + _pointer(1, 1)
    yield struct.pack(">BBHHHH", 3, 0, 0, 0, width, height)
    yield from _until_update()
    pixels = yield from _rectangles(width, height)
    return Picture(width=width, height=height, pixels=bytes(pixels))


def _enter() -> Generator[int | bytes, bytes, tuple[int, int]]:
    greeting = yield len(VERSION)
    if not greeting.startswith(b"RFB 003."):
        raise RfbError(f"not an RFB server: {greeting[:16]!r}")
    yield VERSION
    count = (yield 1)[0]
    kinds = yield count
    if NO_PASSWORD not in kinds:
        raise RfbError("the VNC server wants a password")
    yield bytes([NO_PASSWORD])
    if any((yield 4)):
        raise RfbError("the VNC server refuses us")
    yield SHARED
    width, height, length = struct.unpack(">HH16xI", (yield 24))
    if not 0 < width * height <= MOST_PIXELS:
        raise RfbError(f"a screen of {width}x{height}")
    yield _bounded(length)
    return width, height


def _pointer(x: int, y: int) -> bytes:
    return struct.pack(">BBHH", 5, 0, x, y)


def _until_update() -> Generator[int | bytes, bytes, None]:
    """Past what else a server may say."""
    while (kind := (yield 1)[0]) != UPDATE:
        if kind == CUT_TEXT:
            (length,) = struct.unpack(">3xI", (yield 7))
            yield _bounded(length)
        elif kind != BELL:
            raise RfbError(f"message {kind} of the VNC server is not understood")


def _rectangles(width: int, height: int) -> Generator[int | bytes, bytes, bytearray]:
    """The parts of an update, put together."""
    (count,) = struct.unpack(">xH", (yield 3))
    if not count:
        raise RfbError("failed to retrieve the VNC screen")
    pixels = bytearray(width * height * PIXEL)
    left = len(pixels)
    for _ in range(count):
        x, y, w, h, encoding = struct.unpack(">HHHHi", (yield 12))
        left -= w * h * PIXEL
        if encoding != 0 or x + w > width or y + h > height or left < 0:
            raise RfbError(f"part {x},{y} {w}x{h} of a screen of {width}x{height} in encoding {encoding}")
        part = yield w * h * PIXEL
        for row in range(h):
            start = ((y + row) * width + x) * PIXEL
            pixels[start : start + w * PIXEL] = part[row * w * PIXEL : (row + 1) * w * PIXEL]
    return pixels


def _bounded(length: int) -> int:
    if length > LONGEST_TEXT:
        raise RfbError(f"a text of {length} bytes")
    return length
