"""Running other programs, with a deadline, and their last words when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path


class CommandFailed(Exception):
    """A program ended badly or too late; the text holds the command and the end of what it said."""


def run(
    argv: Sequence[str | Path],
    *,
    timeout: float = 120,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program and return its stdout. Raises CommandFailed when it fails or passes `timeout` seconds."""
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=stdin, text=True, capture_output=True, timeout=timeout, env=env, cwd=cwd, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"`{' '.join(words[:4])}` did not end within {timeout:.0f} s") from None
    except FileNotFoundError:
        raise CommandFailed(f"`{words[0]}` is not installed") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CommandFailed(f"`{' '.join(words[:4])}` failed ({done.returncode}): {' | '.join(said[-3:])}")
    return done.stdout


def succeeds(argv: Sequence[str | Path], *, timeout: float = 120) -> bool:
    """Whether a program ends well; for commands whose failure only says that there was nothing to do."""
    try:
        run(argv, timeout=timeout)
    except CommandFailed:
        return False
    return True
