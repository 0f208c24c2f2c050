"""Write the smallest ELF file that asks for libraries: one loaded segment, one dynamic one."""

from __future__ import annotations

import struct

HEADER, SEGMENT = 64, 56


def elf(*libraries: str, interpreter: str = "") -> bytes:
    """A 64-bit little-endian file whose DT_NEEDED names ``libraries``, and PT_INTERP ``interpreter``."""
    strings, offsets = b"\0", []
    for name in libraries:
        offsets.append(len(strings))
        strings += name.encode() + b"\0"
    start = HEADER + 3 * SEGMENT
    dynamic = b"".join(struct.pack("<QQ", 1, offset) for offset in offsets)
    dynamic += struct.pack("<QQQQ", 5, 0x1000 + start, 0, 0)
    path = interpreter.encode() + b"\0"
    body = strings + dynamic + path
    kind = 3 if interpreter else 0
    segments = (
        struct.pack("<IIQQQQQQ", 1, 4, 0, 0x1000, 0, start + len(body), start + len(body), 1),
        struct.pack("<IIQQQQQQ", 2, 4, start + len(strings), 0, 0, len(dynamic), len(dynamic), 1),
        struct.pack("<IIQQQQQQ", kind, 4, start + len(strings + dynamic), 0, 0, len(path), len(path), 1),
    )
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = ident + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, HEADER, 0, 0, HEADER, SEGMENT, len(segments), 0, 0, 0)
    return head + b"".join(segments) + body
