"""podvirt's own code as the top layer of an image: sources for tracebacks, byte code so that nothing is compiled."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from images.bytecode import compile_cached
from images.recipe import PACKAGES, ImageRecipe
from images.tree import Entry, Tree, scan

BIN = "bin"
"""A package's folder of scripts, which become commands."""


class MissingSource(Exception):
    """An image wants podvirt code that the working tree does not have."""


def files_of(repository: Path, packages: Iterable[str]) -> list[Path]:
    """Every file of podvirt's ``packages`` that belongs into an image, sorted; paths relative to ``repository``."""
    found = []
    for package in packages:
        folder = repository / package
        if not folder.is_dir():
            raise MissingSource(f"no package {package} in {repository}")
        found += [
            path.relative_to(repository)
            for path in folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
        ]
    return sorted(found)


def fingerprint(repository: Path, recipe: ImageRecipe) -> dict[str, str]:
    """What the top layer of ``recipe`` is made of: path -> digest of its content."""
    return {
        str(path): hashlib.sha256((repository / path).read_bytes()).hexdigest()
        for path in files_of(repository, recipe.ships)
    }


def missing_modules(repository: Path, recipe: ImageRecipe) -> list[str]:
    """Modules that a command of the image calls and that are not (yet) written."""
    return [
        shim.module for shim in recipe.shims if not (repository / (shim.module.replace(".", "/") + ".py")).is_file()
    ]


def tree_of(repository: Path, recipe: ImageRecipe, interpreter_root: Path, scratch: Path) -> Tree:
    """The top layer: podvirt's packages, compiled, and the commands that start them."""
    stage = scratch / "stage"
    sources = files_of(repository, recipe.ships)
    for path in (path for path in sources if BIN not in path.parts):
        target = stage / PACKAGES / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / path, target)
    compile_cached(interpreter_root, stage, list(stage.rglob("*.py")))
    tree = {path: _root_owned(entry) for path, entry in scan(stage).items() if path.startswith(f"{PACKAGES}/")}
    for shim in recipe.shims:
        tree[shim.path] = Entry(mode=0o755, data=shim.script())
    for path in (path for path in sources if BIN in path.parts):
        tree[f"usr/bin/{path.name}"] = Entry(mode=0o755, data=(repository / path).read_bytes())
    return tree


def _root_owned(entry: Entry) -> Entry:
    """Modes and owners of the working tree do not reach the image."""
    return Entry(mode=0o755 if entry.is_directory else 0o644, source=entry.source)
