"""Debian's package manager, shared with whoever else uses it at this moment.

On a fresh machine others are at it too: the unattended upgrades of the first boot, and `./quickstart` itself, which
prepares the cluster and the images side by side. `DPkg::Lock::Timeout` makes apt wait for the lock of dpkg, but for
the lock of the package lists apt only ever tries once; so the whole command is tried again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from localcluster.shell import CommandFailed, run

BUSY = "Could not get lock"
PAUSE_SECONDS = 1.0
COMMAND = ("apt-get", "-o", "DPkg::Lock::Timeout=600", "-q", "-y")


def install(packages: Sequence[str], *, patience: float = 600.0) -> None:
    """Refresh the lists and install `packages`; wait up to `patience` seconds for another apt to end.

    Raises: CommandFailed with what apt said.
    """
    _apt("update", timeout=600, patience=patience)
    _apt("install", "--no-install-recommends", *packages, timeout=1800, patience=patience)


def _apt(*words: str, timeout: float, patience: float) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    deadline = time.monotonic() + patience
    while True:
        try:
            run([*COMMAND, *words], timeout=timeout, env=environment)
            return
        except CommandFailed as error:
            if BUSY not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)
