"""The libraries of an image are those that its files ask for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from images.closure import MissingLibraries, with_libraries
from images.elf import needed
from images.tree import Tree, scan, select
from tests.unit.images.elf_maker import elf

LIB = "usr/lib/x86_64-linux-gnu"


def root(tmp_path: Path, files: dict[str, bytes]) -> Tree:
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return scan(tmp_path)


def test_needed_names_libraries_and_interpreter(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(elf("liba.so.1", "libb.so.2", interpreter="/lib64/ld.so"))
    assert needed(tmp_path / "x") == ("liba.so.1", "libb.so.2", "ld.so")


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + b"\0" * 60])
def test_needed_of_anything_else_is_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert needed(tmp_path / "x") == ()


def test_needed_of_a_real_program() -> None:
    assert "libc.so.6" in needed(Path(sys.executable).resolve()) or "libc.so.6" in needed(Path("/bin/ls").resolve())


def test_libraries_of_libraries_come_along_and_strangers_do_not(tmp_path: Path) -> None:
    tree = root(
        tmp_path,
        {
            "usr/bin/p": elf("liba.so"),
            f"{LIB}/liba.so": elf("libb.so"),
            f"{LIB}/libb.so": elf(),
            f"{LIB}/libz.so": elf(),
        },
    )
    chosen = with_libraries(tree, select(tree, ["usr/bin/p"]))
    assert set(chosen) == {"usr/bin/p", f"{LIB}/liba.so", f"{LIB}/libb.so"}


def test_a_library_of_the_layer_below_is_enough(tmp_path: Path) -> None:
    tree = root(tmp_path, {"usr/bin/p": elf("libc.so.6")})
    assert set(with_libraries(tree, select(tree, ["usr/bin/p"]), below={f"{LIB}/libc.so.6": ""})) == {"usr/bin/p"}


def test_a_library_that_is_nowhere_is_named_with_who_wants_it(tmp_path: Path) -> None:
    tree = root(tmp_path, {"usr/bin/p": elf("libgone.so")})
    with pytest.raises(MissingLibraries, match=r"libgone\.so \(for usr/bin/p\)"):
        with_libraries(tree, select(tree, ["usr/bin/p"]))
