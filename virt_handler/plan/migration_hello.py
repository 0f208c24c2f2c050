"""The first words of a connection from the source's agent to the target's. Pure.

 over TLS   `<migration> <channel>\\n`; libvirt's bears a key besides, where other connections may be plain
 plain      mark, channel, a number used once, and the proof that its sender knows the key

libvirt's connection comes first and is always over TLS, so the key is the source's agent's, and nobody else saw it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from typing import Final

from msgspec import Struct

from virt_model.migration_way import DISKS, LIBVIRT, MEMORY

LINE_BYTES: Final = 128
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
MARK: Final = b"P"
"""No TLS connection begins with it."""
_PLAIN: Final = struct.Struct(f"!1sH{NONCE_BYTES}s{hashlib.sha256().digest_size}s")
PLAIN_BYTES: Final = _PLAIN.size


class Hello(Struct, frozen=True, kw_only=True):
    """What was said over TLS; `key` is b"" where there is none."""

    migration_uid: str
    channel: int
    key: bytes = b""


class PlainHello(Struct, frozen=True, kw_only=True):
    """What was said without."""

    channel: int
    nonce: bytes
    proof: bytes

    def proves(self, key: bytes, migration_uid: str) -> bool:
        """Whether its sender knows the key of that migration. Takes as long whether or not."""
        return hmac.compare_digest(self.proof, _proof(key, migration_uid, self.channel, self.nonce))


def hello(said: Hello) -> bytes:
    """The line that says it."""
    key = f" {said.key.hex()}" if said.key else ""
    return f"{said.migration_uid} {said.channel}{key}\n".encode()


def parsed(line: bytes) -> Hello | None:
    """None for anything that is no such line."""
    try:
        uid, channel, *key = line[:LINE_BYTES].decode().split()
        said = Hello(migration_uid=uid, channel=int(channel), key=bytes.fromhex(key[0]) if key else b"")
    except ValueError:
        return None
    known = said.channel in (LIBVIRT, MEMORY, DISKS) and len(key) <= 1
    return said if known and len(said.key) == (KEY_BYTES if key else 0) else None


def plain(key: bytes, migration_uid: str, channel: int, nonce: bytes) -> bytes:
    """The bytes that open a plain connection; `nonce` is new for each."""
    return _PLAIN.pack(MARK, channel, nonce, _proof(key, migration_uid, channel, nonce))


def plain_parsed(said: bytes) -> PlainHello | None:
    """None for anything else; libvirt's channel is never plain."""
    if len(said) != PLAIN_BYTES:
        return None
    mark, channel, nonce, proof = _PLAIN.unpack(said)
    return (
        PlainHello(channel=channel, nonce=nonce, proof=proof) if mark == MARK and channel in (MEMORY, DISKS) else None
    )


def _proof(key: bytes, migration_uid: str, channel: int, nonce: bytes) -> bytes:
    return hmac.digest(key, b"%s %d %s" % (migration_uid.encode(), channel, nonce), "sha256")
