"""The guest's coming and going: at most one arrival in a launcher's life, and one departure at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import DomainReport
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage
from virt_launcher.adapters.log import log
from virt_launcher.plan.departure import ABORTED
from virt_launcher.plan.life import Arrival

COMING = (MigrationStage.WAITING, MigrationStage.ARRIVING)
_ARRIVAL = {
    MigrationStage.ARRIVING: Arrival.UNDER_WAY,
    MigrationStage.SWITCHED: Arrival.COMPLETE,
    MigrationStage.RECEIVED: Arrival.COMPLETE,
}
MAX_ERROR = 2048


class Arriving(Protocol):
    """What a Receiver does; see `adapters.receiver`."""

    @property
    def is_open(self) -> bool: ...
    @property
    def state_dir(self) -> str: ...
    def open(self) -> None: ...
    def resume(self) -> None: ...
    def run_ahead(self) -> None: ...
    def press(self) -> None: ...
    def destroy(self) -> None: ...
    def close(self) -> None: ...


Receive = Callable[[Callable[[MigrationStage, str], None]], Arriving]
"""Makes a Receiver that tells its stages."""


class Departing(Protocol):
    """What a Departure does; see `adapters.departure`."""

    @property
    def uid(self) -> str: ...
    @property
    def over(self) -> bool: ...
    def abort(self) -> None: ...
    def complete(self) -> None: ...


class Mover(Protocol):
    """The part of a Hypervisor that migrations need."""

    def adopt(self, name: str, *, paused: bool) -> DomainReport: ...
    def unpause(self) -> None: ...
    def depart(self, request: MigrateRequest, tell: Callable[[MigrationReport], None]) -> Departing: ...


class Moves:
    """`publish` gets every report, `arriving` how far an arrival has come.

    Called one at a time, but for `abort` and `complete`.
    """

    def __init__(self, publish: Callable[[MigrationReport], None], arriving: Callable[[Arrival], None]) -> None:
        self._publish, self._arriving = publish, arriving
        self._lock = threading.RLock()
        self._report: MigrationReport | None = None
        self._arrival: Arriving | None = None
        self._departure: Departing | None = None

    @property
    def expects(self) -> bool:
        """This launcher was told to receive its guest."""
        return self._arrival is not None

    def expect(self, migration_uid: str, receive: Receive) -> None:
        """Wait for the guest. Raises LauncherRefused; then it may be tried again."""
        arrival = receive(self._seen)
        self._say(MigrationReport(stage=MigrationStage.WAITING, migration_uid=migration_uid))
        try:
            arrival.open()
        except LauncherRefused as refusal:
            self._seen(MigrationStage.FAILED, str(refusal))
            raise
        self._arrival = arrival
        log("ready to receive", migration=migration_uid)

    def take_over(self, machine: Mover, domain: str, adopt_state: Callable[[str, str], None], *, paused: bool) -> bool:
        """Let the guest that was received run, and make it this launcher's own; whether it is. May be repeated.

        One whose memory is still coming only runs: it is asked for again when all of it is here. What cannot be adopted
        has failed for good: it dies with this launcher. Raises LauncherRefused.
        """
        arrival, known = self._arrival, self._report
        if arrival is None or known is None:
            raise LauncherRefused("no guest was received")
        if known.stage is MigrationStage.TAKEN:
            return True
        if known.stage in (MigrationStage.SWITCHED, MigrationStage.FETCHING):
            self._run_ahead(arrival, paused=paused)
            return False
        if known.stage is not MigrationStage.RECEIVED:
            raise LauncherRefused(f"no guest was received: the migration is {known.stage}. {known.error}".strip())
        began = time.monotonic()
        if arrival.is_open and not paused:
            arrival.resume()
        resumed = time.monotonic()
        arrival.close()
        try:
            adopt_state(domain, arrival.state_dir)
            machine.adopt(domain, paused=paused)
            if not paused:
                machine.unpause()
        except (OSError, LauncherRefused) as error:
            why = f"the guest that was received cannot be taken over: {error}"
            self._seen(MigrationStage.FAILED, why)
            raise LauncherRefused(why) from error
        self._say(msgspec.structs.replace(known, stage=MigrationStage.TAKEN))
        log("guest taken over", resume_s=_ms(resumed - began), adopt_s=_ms(time.monotonic() - resumed))
        return True

    def _run_ahead(self, arrival: Arriving, *, paused: bool) -> None:
        """The rest may arrive at any moment: what was said of that stands."""
        assert self._report is not None
        if paused or self._report.stage is not MigrationStage.SWITCHED:
            return
        arrival.run_ahead()
        with self._lock:
            if self._report.stage is MigrationStage.SWITCHED:
                self._say(msgspec.structs.replace(self._report, stage=MigrationStage.FETCHING))
        log("the guest runs, and fetches the rest of its memory")

    def press(self) -> None:
        """The power button of a guest that runs here already while it arrives; of others, nothing."""
        if self._arrival is not None and self._report is not None and self._report.stage is MigrationStage.FETCHING:
            self._arrival.press()

    def depart(self, machine: Mover, request: MigrateRequest) -> None:
        """Begin to send the guest away; nothing where that was begun before. Raises LauncherRefused."""
        last = self._departure
        if last is not None and last.uid == request.migration_uid:
            return
        if last is not None and not last.over:
            raise LauncherRefused("another migration is under way")
        self._departure = machine.depart(request, self._say)

    def complete(self) -> None:
        """Have a guest that leaves stand still, so that it gets done."""
        if self._departure is not None:
            self._departure.complete()

    def abort(self) -> None:
        """Call the guest back; at the other side, end what has arrived unless it is complete."""
        if self._departure is not None:
            self._departure.abort()
        with self._lock:
            arrival, known = self._arrival, self._report
            if arrival is None or known is None or known.stage not in COMING:
                return
            self._arriving(Arrival.NONE)
            self._say(msgspec.structs.replace(known, stage=MigrationStage.FAILED, aborted=True, error=ABORTED))
        arrival.destroy()
        arrival.close()

    def _seen(self, stage: MigrationStage, error: str) -> None:
        """The receiver saw something; what comes after a take-over or a failure is no news."""
        with self._lock:
            known = self._report
            if known is None or known.stage in (MigrationStage.TAKEN, MigrationStage.FAILED):
                return
            if stage is MigrationStage.SWITCHED and known.stage not in COMING:
                return
            self._arriving(_ARRIVAL.get(stage, Arrival.NONE))
            self._say(msgspec.structs.replace(known, stage=stage, error=error[:MAX_ERROR]))

    def _say(self, report: MigrationReport) -> None:
        with self._lock:
            self._report = report
            self._publish(report)


def _ms(seconds: float) -> float:
    return round(seconds, 3)
