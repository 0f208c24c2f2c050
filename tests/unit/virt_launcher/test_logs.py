"""A guest cannot fill the node's disk by talking."""

from __future__ import annotations

import os
from pathlib import Path

from virt_launcher.adapters.logs import MAX_BYTES, bound


def test_only_what_is_too_large_is_emptied_and_writers_go_on(tmp_path: Path) -> None:
    large, small, absent = tmp_path / "large", tmp_path / "small", tmp_path / "absent"
    small.write_bytes(bytes(MAX_BYTES))
    writer = os.open(large, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.truncate(large, MAX_BYTES + 1)
    bound([str(large), str(small), str(absent)])
    os.write(writer, b"after")
    os.close(writer)
    assert large.read_bytes() == b"after"
    assert small.stat().st_size == MAX_BYTES
    assert not absent.exists()
