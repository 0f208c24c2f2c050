"""Processes that outlive us, told apart from later ones that were given the same number."""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process for all time: number, start in clock ticks since boot, and which boot."""

    pid: int
    started: int
    boot: str

    def document(self) -> dict[str, Any]:
        return asdict(self)


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name (field 3 on), or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Process | None:
    """The living process with this number; a zombie is not living."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    return Process(pid=pid, started=int(fields[19]), boot=boot_id())


def alive(process: Process | None) -> bool:
    return process is not None and identify(process.pid) == process


def first_child(parent: int) -> int | None:
    """The number of a child of `parent`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None and int(fields[1]) == parent:
                return int(entry.name)
    return None


def send(process: Process | None, what: signal.Signals) -> None:
    """Signal exactly this process: the pidfd is opened first and the identity checked after, so a reused
    number is never hit."""
    if process is None:
        return
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        if alive(process):
            signal.pidfd_send_signal(handle, what)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)
