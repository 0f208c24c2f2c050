"""Has QEMU measure how fast the guest changes its memory: it compares a sample of the pages with themselves later."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import libvirt

from virt_launcher.plan import dirty_rate


class DirtyRate:
    """Of one domain; used by one thread at a time."""

    def __init__(self, domain: libvirt.virDomain) -> None:
        self._domain = domain
        self._known = dirty_rate.DirtyRate()

    def told(self, found: Mapping[str, object]) -> dict[str, object]:
        """libvirt's counters, and the rate that was last measured."""
        self._known = self._known.after(found)
        return self._known.told(found, time.monotonic())

    def measure(self) -> None:
        """Begin a measurement, unless one is under way. Where QEMU cannot, there is none."""
        if not self._known.due(time.monotonic()):
            return
        with contextlib.suppress(libvirt.libvirtError):
            self._domain.startDirtyRateCalc(dirty_rate.SECONDS, libvirt.VIR_DOMAIN_DIRTYRATE_MODE_PAGE_SAMPLING)
            self._known = self._known.measuring(time.monotonic())
