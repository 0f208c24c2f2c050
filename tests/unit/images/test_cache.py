"""The cache loses nothing that is in use, and forgets the rest in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from images.cache import Cache, default_directory


def test_the_environment_chooses_the_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PODVIRT_CACHE", str(tmp_path))
    assert default_directory() == tmp_path
    monkeypatch.delenv("PODVIRT_CACHE")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_directory() == Path("/home/somebody/.cache/podvirt/images")


def test_json_comes_back_and_absent_is_none(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write_json({"a": [1]}, "layers", "k.json")
    assert cache.read_json("layers", "k.json") == {"a": [1]}
    assert cache.read_json("layers", "other.json") is None


def test_scratch_vanishes_even_after_an_error(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(ZeroDivisionError), cache.scratch() as scratch:
        (scratch / "half").write_bytes(b"")
        raise ZeroDivisionError
    assert not scratch.exists()


def test_a_sweep_takes_what_a_killed_build_left_and_nothing_else(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    left = cache.path("tmp", "work-left", "half").parent
    left.mkdir(exist_ok=True)
    with cache.scratch() as scratch:
        Cache(tmp_path).sweep()
        assert scratch.exists()
        assert not left.exists()


def test_what_is_used_or_young_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    used, unused = cache.add_blob(b"used"), cache.add_blob(b"unused")
    cache.write_json({"digest": used}, "layers", "u.json")
    cache.write_json({"digest": unused}, "layers", "n.json")
    cache.path("roots", "current", "x")
    cache.path("roots", "stale", "x")
    assert cache.forget({used}, {"current"}, older_than=time.time() - 60) == 0
    assert cache.forget({used}, {"current"}, older_than=time.time() + 60) == 3
    assert cache.blob(used).exists() and not cache.blob(unused).exists()
    assert [path.name for path in (tmp_path / "roots").iterdir()] == ["current"]
    assert [path.name for path in (tmp_path / "layers").iterdir()] == ["u.json"]
