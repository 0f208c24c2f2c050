"""A guest's own account of a move: it prints numbered ticks with its clock, which stands while the guest does.

How long its clock stood is told by how much further it is behind this machine's afterwards than before. Words come late
by different amounts, never early: of some ticks, the one that is behind the least is the truest.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.004
PERIOD = 0.05
WINDOW = 20
"""Ticks looked at on either side: a second of them, in which two clocks do not drift apart by what matters here."""
LINE = re.compile(rb"tick (\d+) (\d+\.\d+)\r?\n")
NEVER = "mkfifo /run/never 2>/dev/null; exec 3<>/run/never"
TICKING = (
    f"({NEVER}; n=0; while :; do n=$((n+1)); read -r up idle </proc/uptime; "
    f'echo "tick $n $up"; read -t {PERIOD} -u 3 none; done) &'
)
"""For the guest's shell. It waits by reading what never comes: a process for each wait would change memory."""


@dataclass(frozen=True)
class Tick:
    number: int
    clock: float
    """Seconds since the guest's start, in hundredths."""
    heard: float
    """Seconds of this machine's wall clock."""

    @property
    def behind(self) -> float:
        return self.heard - self.clock


@dataclass(frozen=True)
class Standstill:
    """Seconds: of the guest's clock, and between two ticks that were heard, less what is usual."""

    clock: float
    silence: float


class Ear:
    """Hears the ticks in the log of a serial console, once that exists, as long as `listen` runs."""

    def __init__(self, log: Path) -> None:
        self.ticks: list[Tick] = []
        self._log = log

    async def listen(self) -> None:
        while not self._log.exists():
            await asyncio.sleep(LOOK_SECONDS)
        held = b""
        with self._log.open("rb", buffering=0) as file:
            while True:
                if data := file.read():
                    found, held = read(held + data, time.time())
                    self.ticks += found
                await asyncio.sleep(LOOK_SECONDS)


def read(text: bytes, now: float) -> tuple[list[Tick], bytes]:
    """The ticks that came just now, and what may become one."""
    whole, _, rest = text.rpartition(b"\n")
    return [Tick(int(n), float(clock), now) for n, clock in LINE.findall(whole + b"\n")], rest


def standstill(before: Sequence[Tick], after: Sequence[Tick]) -> Standstill:
    """Of a guest that was heard in one place and then in another. Raises ValueError where a tick is missing."""
    if not before or not after:
        raise ValueError("the guest was not heard on both sides")
    if after[0].number != before[-1].number + 1:
        raise ValueError(f"after tick {before[-1].number} came tick {after[0].number}")
    clock = min(tick.behind for tick in after[:WINDOW]) - min(tick.behind for tick in before[-WINDOW:])
    return Standstill(clock, after[0].heard - before[-1].heard - PERIOD)
