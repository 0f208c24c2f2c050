"""Logs that a guest can make grow: its serial console's, and QEMU's own. Nobody else bounds them.

QEMU appends (O_APPEND), so a file can be emptied under it; who follows it by `tail -F` notices. What the console log's
reader has not printed by then is lost: a guest that writes megabytes between two looks loses lines, and the node no
disk space.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

MAX_BYTES = 4 << 20
LOOK_SECONDS = 10.0
"""How often to look; a guest writes at most some megabytes in between."""


def bound(files: Sequence[str]) -> None:
    """Empty each of the files that is too large; those that are not there yet are left alone."""
    for path in files:
        try:
            if os.stat(path).st_size > MAX_BYTES:
                os.truncate(path, 0)
        except FileNotFoundError:
            continue
