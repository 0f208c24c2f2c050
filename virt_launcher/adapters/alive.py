"""The file whose lock says that this launcher lives. The kernel drops the lock however the launcher ends."""

from __future__ import annotations

import fcntl
import os


def hold(path: str) -> int:
    """Create the file and lock it for as long as this process has the returned descriptor (and its children do not).

    Raises OSError, also when another launcher holds it.
    """
    os.makedirs(os.path.dirname(path), mode=0o775, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor
