"""A stream between two networks, which are this process's own here."""

from __future__ import annotations

import os

import pytest

from bench.flood import flood
from bench.pair import Place


@pytest.mark.skipif(os.geteuid() != 0, reason="enters a network namespace")
async def test_what_is_sent_arrives_at_some_rate() -> None:
    here = Place("127.0.0.1", "/proc/self/ns/net")
    assert await flood(here, here, 8 << 20) > 0
