"""The launcher's log: one JSON object a line on stderr, in the shape of the other components' logs.

Not the standard library's `logging`: in Python 3.14 it brings three MiB of modules into a process that there is one of
per VM, and that writes a dozen lines in its life.
"""

from __future__ import annotations

import enum
import os
import time

import msgspec


class Level(enum.StrEnum):
    """How much a line matters."""

    INFO = "info"
    WARNING = "warning"


def log(message: str, level: Level = Level.INFO, **fields: object) -> None:
    """Write one line; `fields` are strings and numbers."""
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {
        "component": "virt-launcher",
        "level": level.value,
        "timestamp": f"{moment}.{int(now % 1 * 1000):03d}Z",
        "msg": message,
        **fields,
    }
    os.write(2, msgspec.json.encode(line) + b"\n")


def warn(message: str) -> None:
    """Write one line that somebody should look at."""
    log(message, Level.WARNING)
