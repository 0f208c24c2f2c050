"""podvirt's own code as the top layer of an image: sources for tracebacks, byte code so that nothing is compiled later."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from images.bytecode import compile_files
from images.recipes import PACKAGES, ImageRecipe
from images.tree import Entry, Tree, scan

SCRIPTS = Path(__file__).parent / "scripts"


class MissingSource(Exception):
    """An image wants podvirt code that the working tree does not have."""


def files_of(repository: Path, packages: Iterable[str]) -> list[Path]:
    """Every file of podvirt's ``packages`` that belongs into an image, sorted; paths relative to ``repository``."""
    found = []
    for package in packages:
        folder = repository / package
        if not folder.is_dir():
            raise MissingSource(f"no package {package} in {repository}")
        found += [path.relative_to(repository) for path in folder.rglob("*")
                  if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"]
    return sorted(found)


def fingerprint(repository: Path, recipe: ImageRecipe) -> dict[str, str]:
    """What the top layer of ``recipe`` is made of: path -> digest of its content."""
    inputs = {str(path): repository / path for path in files_of(repository, recipe.ships)}
    inputs |= {f"scripts/{name}": SCRIPTS / name for name in recipe.scripts}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in inputs.items()}


def missing_modules(repository: Path, recipe: ImageRecipe) -> list[str]:
    """Modules that a command of the image calls and that are not (yet) written."""
    return [shim.module for shim in recipe.shims
            if not (repository / (shim.module.replace(".", "/") + ".py")).is_file()]


def tree_of(repository: Path, recipe: ImageRecipe, interpreter_root: Path, scratch: Path) -> Tree:
    """The top layer: podvirt's packages, compiled, and the commands that start them."""
    stage = scratch / "stage"
    sources = files_of(repository, recipe.ships)
    for path in sources:
        target = stage / PACKAGES / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository / path, target)
    compile_files(interpreter_root, stage, [stage / PACKAGES / path for path in sources if path.suffix == ".py"],
                  beside=False)
    tree = {path: _root_owned(entry) for path, entry in scan(stage).items() if path.startswith(f"{PACKAGES}/")}
    for shim in recipe.shims:
        tree[shim.path] = Entry(mode=0o755, data=shim.script())
    for name in recipe.scripts:
        tree[f"usr/bin/{name}"] = Entry(mode=0o755, data=(SCRIPTS / name).read_bytes())
    return tree


def _root_owned(entry: Entry) -> Entry:
    """Modes and owners of the working tree do not reach the image."""
    return Entry(mode=0o755 if entry.is_directory else 0o644, source=entry.source)
