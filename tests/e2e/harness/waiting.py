"""Wait for a condition with a deadline; a failure says what was last seen."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = threading.Event()


def until(what: str, probe: Callable[[], T | None], seconds: float = 60.0, every: float = 0.2) -> T:
    """The first true answer of `probe`.

    Raises: AssertionError after `seconds`, naming `what` and the last answer or error.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            answer = probe()
            if answer:
                return answer
            last = answer
        except (LookupError, OSError, RuntimeError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what} (last seen: {last!r})")
        _PAUSE.wait(every)


def holds(what: str, probe: Callable[[], bool], seconds: float, every: float = 0.5) -> None:
    """`probe` stays true for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert probe(), f"did not hold: {what}"
        _PAUSE.wait(every)
