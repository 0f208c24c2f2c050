"""libvirt's event loop, once for the process, in a thread of its own."""

from __future__ import annotations

import threading

import libvirt


def start() -> None:
    """Before the first connection is opened. Errors reach whoever asked, and nobody's stderr."""
    libvirt.registerErrorHandler(_drop, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_turn, name="libvirt-events", daemon=True).start()


def _turn() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def _drop(_context: object, _error: object) -> None:
    """libvirt would print every error, also those that we handle."""
