"""Waiting for a condition, with a deadline in monotonic time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from localcluster.trouble import Trouble

T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], *, seconds: float, mend: str, every: float = 0.1) -> T:
    """Ask `probe` until it returns something true. After `seconds`: Trouble that names `what` and says `mend`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise Trouble(f"{what} did not happen within {seconds:.0f} s", mend)
        time.sleep(every)
