"""The pause image: one program of 188 bytes, in an image that holds nothing else.

It stands in every pod as the process that keeps the pod's namespaces, and, where a pod shares its process
namespace, as the init of it: with SIGCHLD ignored the kernel reaps orphans by itself.
"""

from __future__ import annotations

import struct
from pathlib import Path

from localcluster.programs import archive

CODE = bytes.fromhex(
    "b80d000000"  # mov eax, 13           rt_sigaction
    "bf11000000"  # mov edi, 17           SIGCHLD
    "488d3513000000"  # lea rsi, [act]
    "31d2"  # xor edx, edx
    "41ba08000000"  # mov r10d, 8           bytes of a signal set
    "0f05"  # syscall
    "b822000000"  # mov eax, 34           pause
    "0f05"  # syscall
    "ebf7"  # jmp to the pause
)
IGNORE = struct.pack("<QQQQ", 1, 0, 0, 0)
"""act: SIG_IGN, no flags, no restorer, empty mask."""

BASE = 0x400000
HEADERS = 64 + 56


def program() -> bytes:
    """A static x86-64 ELF with one segment (System V ABI, chapter 4)."""
    body = CODE + IGNORE
    size = HEADERS + len(body)
    elf = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = elf + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, BASE + HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    return header + segment + body


def image(cache: Path, name: str) -> Path:
    """The archive of the image, written where the cache lacks it."""
    place = cache / "images" / "pause.tar"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        archive.write(place, name=name, files={"pause": program()}, entrypoint=["/pause"], user="65535:65535")
    return place
