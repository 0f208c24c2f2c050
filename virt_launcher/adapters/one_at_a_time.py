"""Calls into libvirt that may hang: one of a sort at a time, else a hung one would take a thread more with each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from virt_ipc.errors import LauncherRefused


class OneAtATime:
    """`with guard:` around a call; who comes meanwhile waits `patience` seconds and is then refused."""

    def __init__(self, patience: float) -> None:
        self._lock = threading.Lock()
        self._patience = patience

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Raises LauncherRefused."""
        if not self._lock.acquire(timeout=self._patience):
            raise LauncherRefused("libvirt has not answered an earlier call yet")
        try:
            yield
        finally:
            self._lock.release()
