"""Waking the main thread: by signals, and by other threads."""

from __future__ import annotations

import os
import select
import signal


class Bell:
    """A pipe that the main thread waits on. Make it in the main thread."""

    def __init__(self) -> None:
        self._ear, self._mouth = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.stopped = False
        """A signal asked the process to stop."""

    def answer_signals(self) -> None:
        """From now on SIGTERM and SIGINT ring and set `stopped`."""
        signal.set_wakeup_fd(self._mouth, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopped = True

    def ring(self) -> None:
        """Wake the waiter. Never blocks; a bell that already rings rings on."""
        try:
            os.write(self._mouth, b"!")
        except BlockingIOError:
            return

    def wait(self, seconds: float | None) -> None:
        """Until somebody rings or the time is over."""
        ready, _, _ = select.select([self._ear], [], [], seconds)
        if ready:
            os.read(self._ear, 4096)
