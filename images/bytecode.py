"""Compile Python ahead of time, with the image's own interpreter, without entering the image.

The interpreter is started through the root's own dynamic loader, so it runs on any host with the same architecture.
Byte code is *unchecked*: it holds no time stamp, so it is the same from the same source, and no file time matters.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from images.host import HostError, run

LIBRARIES = "usr/lib/x86_64-linux-gnu"


def foreign(root: Path, program: str) -> list[str]:
    """The start of a command line that runs ``root``'s own ``program`` (a path in ``root``) on this host."""
    loader = root / LIBRARIES / "ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", str(root / LIBRARIES), str(root / program)]


def compile_beside(interpreter_root: Path, folder: Path, files: Sequence[Path]) -> None:
    """Put ``x.pyc`` beside each ``x.py``: it runs without the source, and without the weight of docstrings."""
    _compile(interpreter_root, folder, files, ["-b", "-o", "2"])


def compile_cached(interpreter_root: Path, folder: Path, files: Sequence[Path]) -> None:
    """Fill ``__pycache__``, with and without docstrings: for code that keeps its source, so tracebacks show lines."""
    _compile(interpreter_root, folder, files, ["-o", "0", "-o", "2"])


def _compile(interpreter_root: Path, folder: Path, files: Sequence[Path], how: list[str]) -> None:
    """Compile ``files`` (in ``folder``) into byte code that believes to lie at the same place below ``/``."""
    if not files:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".list") as listing:
        listing.write("".join(f"{path}\n" for path in sorted(files)))
        listing.flush()
        options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", "/", "-i", listing.name]
        argv = [*foreign(interpreter_root, "usr/bin/python3"), "-S", "-s", "-m", "compileall", *options, *how]
        env = {**os.environ, "PYTHONHOME": str(interpreter_root / "usr"), "PYTHONHASHSEED": "0"}
        try:
            run(argv, what="compiling Python", timeout=600, env=env)
        except HostError as failed:
            raise HostError(f"{failed} (in {folder})") from failed
