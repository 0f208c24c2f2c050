"""Pictures of screens: the conversation with a VNC server, and the file that is made of it."""

from __future__ import annotations

import struct
import zlib

import pytest

from tests.unit.virt_api.rfb_server import (
    EVERYTHING,
    GREETING,
    ROWS,
    init,
    part,
    update,
)
from virt_api.plan import png
from virt_api.plan.rfb import Picture, RfbError, picture


def talk_to(server: bytes, *, move_cursor: bool = False) -> tuple[Picture, bytes]:
    """The picture, and what the server was told. Raises EOFError where it had no more to say."""
    talk, said = picture(move_cursor=move_cursor), b""
    wanted = next(talk)
    while True:
        answer = b""
        if isinstance(wanted, bytes):
            said += wanted
        else:
            if len(server) < wanted:
                raise EOFError
            answer, server = server[:wanted], server[wanted:]
        try:
            wanted = talk.send(answer)
        except StopIteration as end:
            return end.value, said


def test_a_picture_is_put_together_from_its_parts() -> None:
    seen, said = talk_to(EVERYTHING)
    assert (seen.width, seen.height) == (3, 2)
    assert seen.pixels == b"".join(pixel + b"?" for row in ROWS for pixel in row)
    assert said.startswith(b"RFB 003.008\n\x01\x01")
    assert said.endswith(struct.pack(">BBHHHH", 3, 0, 0, 0, 3, 2)), "the whole screen is asked for, now"


def test_the_cursor_is_moved_only_where_asked() -> None:
    nudge = struct.pack(">BBHH", 5, 0, 0, 0) + struct.pack(">BBHH", 5, 0, 1, 1)
    assert nudge in talk_to(EVERYTHING, move_cursor=True)[1]
    assert nudge not in talk_to(EVERYTHING)[1]


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (b"HTTP/1.1 400 ", "not an RFB server"),
        (b"RFB 003.008\n\x01\x02", "wants a password"),
        (b"RFB 003.008\n\x01\x01\0\0\0\x01", "refuses us"),
        (GREETING + init(width=0), "a screen of 0x2"),
        (GREETING + init(width=65535, height=65535), "a screen of 65535x65535"),
        (GREETING + struct.pack(">HH16xI", 3, 2, 1 << 31), "a text of"),
        (GREETING + init() + b"\x03" + struct.pack(">3xI", 1 << 31), "a text of"),
        (GREETING + init() + b"\x07", "message 7"),
        (GREETING + init() + update(), "failed to retrieve the VNC screen"),
        (GREETING + init() + update(part(0, 0, ROWS, encoding=16)), "in encoding 16"),
        (GREETING + init() + update(part(1, 0, ROWS)), "part 1,0 3x2 of a screen of 3x2"),
        (GREETING + init() + update(part(0, 0, ROWS), part(0, 0, ROWS)), "part 0,0"),
    ],
)
def test_a_server_that_lies_is_left(server: bytes, why: str) -> None:
    with pytest.raises(RfbError, match=why):
        talk_to(server)


def read_png(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and rows of an RGB file, each row behind its filter byte."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert rest == [8, 2, 0, 0, 0]
    return width, height, zlib.decompress(chunks[b"IDAT"])


def test_the_file_holds_the_picture() -> None:
    assert read_png(png.encode(talk_to(EVERYTHING)[0])) == (3, 2, b"".join(b"\0" + b"".join(row) for row in ROWS))
