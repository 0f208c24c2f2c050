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

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


_NEEDED = {Level.DEBUG: 4, Level.INFO: 1, Level.WARNING: 0}
"""The verbosity from which on a line is written."""
_verbosity = 2
_vmi: dict[str, str] = {}


def set_verbosity(verbosity: int) -> None:
    """As the other components understand it: 0 only what went wrong, 4 and more every step."""
    global _verbosity
    _verbosity = verbosity


def speak_of(namespace: str, name: str, uid: str) -> None:
    """Every line from now on names this VMI."""
    _vmi.update(kind="VirtualMachineInstance", namespace=namespace, name=name, uid=uid)


def log(message: str, level: Level = Level.INFO, **fields: object) -> None:
    """Write one line; `fields` are strings and numbers."""
    if _verbosity < _NEEDED[level]:
        return
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = {
        "component": "virt-launcher",
        "level": level.value,
        "timestamp": f"{moment}.{int(now % 1 * 1000):03d}Z",
        "msg": message,
        **_vmi,
        **fields,
    }
    os.write(2, msgspec.json.encode(line) + b"\n")


def warn(message: str) -> None:
    """Write one line that somebody should look at."""
    log(message, Level.WARNING)
