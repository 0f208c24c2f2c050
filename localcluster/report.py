"""Progress: a live line on a terminal, plain lines elsewhere or where `rich` is absent."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any


def _console() -> Any | None:
    if not sys.stderr.isatty():
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(stderr=True)


class Report:
    """Tells what is being done on stderr, so that stdout holds only what was asked for."""

    def __init__(self) -> None:
        self._rich = _console()

    def say(self, text: str) -> None:
        if self._rich is not None:
            self._rich.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Name a step while it runs; when it ends well, leave one line with the seconds it took."""
        began = time.monotonic()
        if self._rich is None:
            self.say(f"   {text} ...")
        spinner: AbstractContextManager[Any] = nullcontext()
        if self._rich is not None:
            spinner = self._rich.status(f"{text} ...")
        with spinner:
            yield
        self.say(f" + {text} ({time.monotonic() - began:.1f} s)")
