"""Choosing files is dictionary work: patterns, links, parents, and what a lower layer already has."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.tree import Entry, Tree, follow_links, scan, select, with_parents, without


def made(*paths: str) -> Tree:
    return {path: Entry(data=path.encode()) for path in paths}


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("usr/bin/*", "usr/bin/python3", True),
        ("usr/bin/*", "usr/bin/a/b", False),
        ("usr/lib/**", "usr/lib/a/b.so", True),
        ("**/tests/**", "a/b/tests/c/d", True),
        ("**/tests/**", "a/b/mytests/c", False),
        ("usr/lib/libc.so", "usr/lib/libcxso", False),
        ("usr/lib/x**", "usr/lib/x/y", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert bool(select(made(path), [pattern])) is matches


def test_drop_wins_over_keep() -> None:
    assert set(select(made("a/b", "a/c"), ["a/**"], ["*/c"])) == {"a/b"}


def test_nothing_is_kept_without_a_pattern() -> None:
    assert select(made("a"), []) == {}


def test_links_bring_their_targets_and_no_more() -> None:
    tree = made("lib/libx.so.1.2", "lib/other") | {
        "lib/libx.so": Entry(link="libx.so.1"),
        "lib/libx.so.1": Entry(link="/lib/libx.so.1.2"),
    }
    assert set(follow_links(tree, {"lib/libx.so": tree["lib/libx.so"]})) == {
        "lib/libx.so",
        "lib/libx.so.1",
        "lib/libx.so.1.2",
    }


def test_a_link_out_of_the_tree_is_left_alone() -> None:
    tree = {"a": Entry(link="../../../etc/passwd")}
    assert follow_links(tree, tree) == tree


def test_parents_keep_their_modes_and_are_not_repeated_above_a_layer_that_has_them() -> None:
    origin = {"tmp": Entry(mode=0o1777), "tmp/x": Entry(data=b"")}
    assert with_parents({"tmp/x": origin["tmp/x"]}, origin)["tmp"].mode == 0o1777
    assert "tmp" not in with_parents({"tmp/x": origin["tmp/x"]}, origin, below=["tmp"])


def test_what_lies_below_unchanged_is_left_out_and_what_differs_is_not() -> None:
    lower = {path: entry.fingerprint() for path, entry in made("same", "changed").items()}
    upper = made("same") | {"changed": Entry(data=b"new"), "added": Entry(data=b"")}
    assert set(without(upper, lower)) == {"changed", "added"}


def test_fingerprint_sees_what_a_container_sees(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    one = Entry(data=b"x")
    assert one.fingerprint() == Entry(source=tmp_path / "f").fingerprint()
    others = [Entry(data=b"y"), Entry(data=b"x", mode=0o755), Entry(data=b"x", uid=1), Entry(link="x"), Entry()]
    assert len({entry.fingerprint() for entry in (one, *others)}) == 6


def test_scan_reads_files_links_and_directories(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d/f").write_bytes(b"1")
    (tmp_path / "l").symlink_to("d/f")
    tree = scan(tmp_path)
    assert tree["d"].is_directory
    assert tree["d"].mode == 0o700
    assert tree["d/f"].source == tmp_path / "d/f"
    assert tree["l"].link == "d/f"
