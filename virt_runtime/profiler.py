"""What a component spends its time on: a profile of its event loop, taken while somebody wants to know.

Starting it makes every call slower. The result is what `python3 -m pstats FILE` reads.
"""

from __future__ import annotations

import cProfile
import marshal

#: name of the one profile in what is dumped
PROFILE = "cpu.pstats"


class Profiler:
    """Of one process: of the thread in which it is started."""

    def __init__(self) -> None:
        self._profile: cProfile.Profile | None = None
        self._taken = b""

    def start(self) -> None:
        """Begin anew."""
        self.stop()
        self._profile = cProfile.Profile()
        self._profile.enable()

    def stop(self) -> None:
        """Keep what was seen; nothing where it was not started."""
        if self._profile is not None:
            self._profile.disable()
            self._taken = _dumped(self._profile)
            self._profile = None

    def dump(self) -> dict[str, bytes]:
        """What was seen between the last start and stop; empty before that."""
        return {PROFILE: self._taken} if self._taken else {}


def _dumped(profile: cProfile.Profile) -> bytes:
    profile.create_stats()
    return marshal.dumps(profile.stats)
