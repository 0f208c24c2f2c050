"""How fast the guest changes its memory, of which a measurement takes a second that no question can wait.

So each question gets what was measured after the one before it, if that is not too old, and has the next measurement
begin. Where nobody asks, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

NAME = "dirtyrate.megabytes_per_second"
_ALL = "dirtyrate."
SECONDS = 1
"""That a measurement takes."""
FRESH = 150.0
"""Seconds after its beginning in which a measurement says something: a little more than the longest usual time between
two scrapes."""


class DirtyRate(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of it; times by any clock that only goes forward."""

    rate: int | None = None
    measured: float = 0.0
    begun: float | None = None
    """The measurement that is under way."""

    def after(self, found: Mapping[str, object]) -> DirtyRate:
        """`found` are libvirt's counters: the rate is among them only while no measurement is under way."""
        rate = found.get(NAME)
        if not isinstance(rate, int) or self.begun is None:
            return self
        return DirtyRate(rate=rate, measured=self.begun)

    def told(self, found: Mapping[str, object], now: float) -> dict[str, object]:
        """libvirt's counters with the last rate, while that is fresh: also while it is measured anew."""
        rest = {name: value for name, value in found.items() if not name.startswith(_ALL)}
        return {**rest, NAME: self.rate} if self.rate is not None and now - self.measured <= FRESH else rest

    def due(self, now: float) -> bool:
        """A measurement shall begin. One that has not ended in all that time never will."""
        return self.begun is None or now - self.begun > FRESH

    def measuring(self, now: float) -> DirtyRate:
        return msgspec.structs.replace(self, begun=now)
