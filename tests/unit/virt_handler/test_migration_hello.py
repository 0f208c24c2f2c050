"""The first words between two agents: what is said is understood, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from virt_handler.plan.migration_hello import (
    KEY_BYTES,
    NONCE_BYTES,
    PLAIN_BYTES,
    Hello,
    hello,
    parsed,
    plain,
    plain_parsed,
)
from virt_model.migration_way import DISKS, LIBVIRT, MEMORY

UID = "0d9c7a3e-8f55-4c13-9f0e-6a3e1d0d7a01"
KEY, NONCE = b"k" * KEY_BYTES, b"n" * NONCE_BYTES


@pytest.mark.parametrize("channel", [LIBVIRT, MEMORY, DISKS])
@pytest.mark.parametrize("key", [b"", KEY])
def test_what_is_said_over_tls_is_understood(channel: int, key: bytes) -> None:
    said = Hello(migration_uid=UID, channel=channel, key=key)
    assert parsed(hello(said)) == said


LONG = b"job 0 " + KEY.hex().encode() + b" x\n"


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"job\n", b"job 1\n", b"job x\n", b"job 0 00\n", b"job 0 zz\n", b"job \xff\n", LONG],
)
def test_other_lines_are_not(line: bytes) -> None:
    assert parsed(line) is None


@given(some.binary(max_size=2 * PLAIN_BYTES))
def test_no_bytes_prove_anything_without_the_key(said: bytes) -> None:
    found = plain_parsed(said)
    assert found is None or not found.proves(KEY, UID)


def test_a_proof_holds_for_its_key_migration_channel_and_number_alone() -> None:
    said = plain(KEY, UID, MEMORY, NONCE)
    found = plain_parsed(said)
    assert found is not None and (found.channel, found.nonce) == (MEMORY, NONCE) and found.proves(KEY, UID)
    assert not found.proves(b"l" * KEY_BYTES, UID) and not found.proves(KEY, "another")
    for at in range(1, PLAIN_BYTES):
        changed = plain_parsed(said[:at] + bytes([said[at] ^ 1]) + said[at + 1 :])
        assert changed is None or not changed.proves(KEY, UID), f"byte {at}"


def test_libvirt_is_never_spoken_to_without_tls() -> None:
    assert plain_parsed(plain(KEY, UID, LIBVIRT, NONCE)) is None
