"""What a migration's source may say to the libvirtd that receives its guest, in libvirt's remote protocol. Pure.

A frame is its length, then program, version, procedure, type, serial and status, then the arguments: words of four
bytes, big endian. Those of the call that ends a migration end with its flags and whether it was cancelled.
"""

from __future__ import annotations

import struct
from typing import Final

LENGTH: Final = struct.Struct(">I")
MOST: Final = 1 << 25
"""Bytes of a frame: libvirt's own limit, and its length."""
_HEADER: Final = struct.Struct(">6I")
_END: Final = struct.Struct(">2I")
_REMOTE, _KEEPALIVE = 0x20008086, 0x6B656570
_CALL: Final = 0
_FINISH: Final = 306
_PAUSED: Final = 1 << 5
_CALLS: Final = {
    1: "open",
    2: "close",
    60: "supports feature",
    66: "list authentication",
    303: "prepare",
    _FINISH: "finish",
    360: "register close callback",
    361: "unregister close callback",
}


class Unwanted(Exception):
    """The message says what a migration does not need."""


def commits(frame: bytes) -> bool:
    """Whether an admitted frame says that the source has done its part: in post-copy, that it has no way back."""
    if len(frame) < _HEADER.size + _END.size:
        return False
    program, _, procedure, _, _, _ = _HEADER.unpack_from(frame)
    _, cancelled = _END.unpack(frame[-_END.size :])
    return (program, procedure, cancelled) == (_REMOTE, _FINISH, 0)


def admitted(frame: bytes) -> bytes:
    """The frame, without its length, as the libvirtd may have it. Raises Unwanted.

    Whatever the source says, the guest stands when it has come: it is let run here, once it is known that it can run
    nowhere else. (libvirt lets no source say both that and that it may go to post-copy.)
    """
    if len(frame) < _HEADER.size:
        raise Unwanted("a frame without a header")
    program, _, procedure, kind, _, _ = _HEADER.unpack_from(frame)
    if program == _KEEPALIVE:
        return frame
    if program != _REMOTE or kind != _CALL or procedure not in _CALLS:
        raise Unwanted(f"procedure {procedure} (type {kind}) of program {program:#x}")
    if procedure != _FINISH:
        return frame
    if len(frame) < _HEADER.size + _END.size:
        raise Unwanted("a finish without flags")
    flags, cancelled = _END.unpack(frame[-_END.size :])
    return frame[: -_END.size] + _END.pack(flags | _PAUSED, cancelled)
