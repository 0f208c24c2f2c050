"""The watchdog that ends the guest at a time, unless it is wound up again before: `virt-watchdog`, its own process.

It hears of later times by a pipe. Once wound up it cannot be taken off: it ends with the container.
"""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Final

from virt_ipc.errors import LauncherRefused

PROGRAM: Final = ("/usr/bin/virt-watchdog",)


class Watchdog:
    """`program` gets the first time as its argument, and later ones line by line."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._until = 0

    @property
    def wound(self) -> bool:
        return self._process is not None

    def wind(self, until: float) -> None:
        """Let the guest run until the machine has been up so many seconds; never shorter than was said before.

        Raises LauncherRefused where that time is over, or the watchdog cannot be told.
        """
        whole = math.floor(until)  # it counts in whole seconds: rather too early than too late
        with self._lock:
            if whole <= time.clock_gettime(time.CLOCK_BOOTTIME):
                raise LauncherRefused("the time until which the guest may run is over")
            if whole <= self._until:
                return
            try:
                self._tell(whole)
            except OSError as error:
                raise LauncherRefused(f"the watchdog cannot be wound up: {error.strerror}") from error
            self._until = whole

    def _tell(self, until: int) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [*self._program, str(until)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0
            )
            return
        assert self._process.stdin is not None
        self._process.stdin.write(f"{until}\n".encode())
