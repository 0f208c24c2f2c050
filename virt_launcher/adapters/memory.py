"""Giving memory back to the node."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collect what the start left behind, and return free pages of the C heap, also those in its middle."""
    gc.collect()
    gc.freeze()
    ctypes.CDLL(None).malloc_trim(0)
