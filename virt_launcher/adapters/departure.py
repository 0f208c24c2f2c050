"""The guest leaves for another node: libvirt moves it in a thread, a second one watches and can call it back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping

import libvirt
import msgspec

from virt_ipc.errors import LauncherRefused
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage
from virt_launcher.adapters.log import log, warn
from virt_launcher.adapters.one_at_a_time import OneAtATime
from virt_launcher.adapters.qemu_events import QemuEvents
from virt_launcher.plan import departure

POLL_SECONDS = 0.4
TELL_SECONDS = 2.5
"""Between two reports of progress: whoever reads them paces itself, and the last one must not wait behind others."""
MAX_ERROR = 2048
FIGURES_SECONDS = 1.0
"""How long to wait for libvirt's figures of a migration that is done: they come with its end."""
PATIENCE = 5.0
"""Seconds that a second wish to stand still waits for the first."""
SPLIT = (libvirt.VIR_DOMAIN_PAUSED_POSTCOPY, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)
UNLIMITED_MIB = (1 << 63) // (1 << 20) - 1
"""The largest bandwidth that libvirt takes, in MiB a second."""


class Departure:
    """One attempt. It begins at once; `tell` gets each change, from a thread of ours, the last one SENT or FAILED.

    `events` listens to QEMU and is closed when the attempt is over.
    """

    def __init__(
        self, domain: libvirt.virDomain, request: MigrateRequest, tell: Callable[[MigrationReport], None],
        events: QemuEvents, settle: Callable[[], bool],
    ) -> None:  # fmt: skip
        """`settle()` lets a guest that stays do what its user wants, and says whether it can."""
        self._domain, self._request, self._tell, self._events = domain, request, tell, events
        self._settle = settle
        self._report = MigrationReport(stage=MigrationStage.SENDING, migration_uid=request.migration_uid)
        self._over = threading.Event()
        self._look_now = threading.Event()
        self._aborted = self._switching = False
        self._asked_to_stand = OneAtATime(PATIENCE)
        self._switched, self._figured = threading.Event(), threading.Event()
        self._ending = threading.Lock()  # a guest is made to stand before the end, and then let go on, or not at all
        self._saying = threading.Lock()
        self._why = ""
        self._progress: dict[str, int] = {}
        self._counters: dict[str, int] = {}
        self._allowed = 0
        tell(self._report)
        threading.Thread(target=self._move, name="migration", daemon=True).start()
        threading.Thread(target=self._watch, name="migration-watch", daemon=True).start()

    @property
    def uid(self) -> str:
        """Of the migration."""
        return self._request.migration_uid

    @property
    def over(self) -> bool:
        """Nothing of it is under way any more."""
        return self._over.is_set()

    @property
    def has_switched(self) -> bool:
        """The guest can never run here again, though its memory is still here."""
        return self._report.post_copy

    @property
    def counters(self) -> dict[str, int]:
        """libvirt's numbers of the job when last seen, named `migration.<libvirt's name>`; none once it is over."""
        return {} if self.over else self._counters

    def abort(self) -> None:
        """Call the guest back, if it is not too late; the last report tells."""
        self._aborted = True
        self._look_now.set()

    def complete(self) -> None:
        """Disturb the guest so that it gets done, and send what is left as fast as it goes. Raises LauncherRefused."""
        with self._asked_to_stand():
            try:
                self._domain.migrateSetMaxSpeed(UNLIMITED_MIB)
                if self._request.allow_post_copy:
                    self._domain.migrateSetMaxSpeed(UNLIMITED_MIB, libvirt.VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY)
                self._disturb()
                if self._switching:
                    self._switched.wait(PATIENCE)
            except libvirt.libvirtError as error:
                raise LauncherRefused(f"the guest cannot be disturbed: {told(error)}") from error

    def switched(self) -> None:
        """libvirt says that QEMU has made the target the place where the guest can run, and this one never again."""
        with self._ending:
            if not self.over:
                self._say(stage=MigrationStage.SWITCHED, post_copy=True)
        self._switched.set()
        log("the guest is switched: from now on it runs at the target or nowhere", migration=self.uid)

    def figures(self, stats: Mapping[str, int]) -> None:
        """libvirt tells by them what the migration took."""
        log("what the migration took", **departure.outcome(stats))
        self._figured.set()

    def _move(self) -> None:
        error = self._attempt()
        if error is None:
            self._figured.wait(FIGURES_SECONDS)  # this process may end as soon as all is said
        split = error is not None and (self.has_switched or self._is_split())
        with self._ending:
            self._over.set()
        self._look_now.set()
        self._events.close()
        self._switched.set()
        if error is None:
            log("the guest has left", migration=self.uid)
            self._say(stage=MigrationStage.SENT, **self._progress)
            return
        if departure.goes_on(switched=split) and not self._settle():
            split = self._switching  # QEMU went further than libvirt saw
        aborted = self._aborted and not split
        reason = departure.ABORTED if aborted else self._why or error
        warn(f"the guest is lost: {reason}" if split else f"the guest stays here: {reason}")
        self._say(
            stage=MigrationStage.FAILED, error=reason[:MAX_ERROR], aborted=aborted, post_copy=split, **self._progress
        )  # fmt: skip

    def _is_split(self) -> bool:
        """libvirt's event of the switch may still be on its way."""
        try:
            number, why = self._domain.state()
        except libvirt.libvirtError:
            return False  # it has ended: nobody can take it for one that stays
        return number == libvirt.VIR_DOMAIN_PAUSED and why in SPLIT

    def _attempt(self) -> str | None:
        """None when libvirt says that the guest has left, else what it says."""
        request = self._request
        try:
            disks = departure.local_disks(self._domain.XMLDesc()) if request.block else []
            names = departure.flags(request, disks)
            flags = sum(getattr(libvirt, f"VIR_MIGRATE_{name}") for name in names)
            self._allow(0)
            parameters = departure.parameters(request, disks)
            log("the guest begins to leave", migration=self.uid, flags=" ".join(names), disks=" ".join(disks))
            self._domain.migrateToURI3(departure.destination(request), parameters, flags)
        except libvirt.libvirtError as error:
            return told(error)
        return None

    def _watch(self) -> None:
        progress = departure.Progress(began=time.monotonic())
        told_at = progress.began
        while not self._over.is_set():
            self._look_now.wait(POLL_SECONDS)
            self._look_now.clear()
            if self._over.is_set():
                return
            now, seen = time.monotonic(), self._look()
            if seen is not None:
                self._progress = seen
                progress = progress.seen(seen["data_remaining"], now)
                if now - told_at >= TELL_SECONDS:
                    self._say(**seen)
                    told_at = now
            if departure.overdue(self._request, progress, now):
                with contextlib.suppress(libvirt.libvirtError):  # then it is tried again
                    self._disturb()
            progress = msgspec.structs.replace(progress, standing=self._report.standing, switching=self._switching)
            self._why = self._why or departure.given_up(self._request, progress, now)
            if (self._aborted or self._why) and not self._switching:
                with contextlib.suppress(libvirt.libvirtError):  # not begun yet, or over
                    self._domain.abortJob()
                self._over.wait(POLL_SECONDS)

    def _disturb(self) -> None:
        """Raises libvirtError."""
        if not self._request.allow_post_copy:
            self._stand_still()
        elif not self._switching:
            self._domain.migrateStartPostCopy()
            self._switching = True
            log("the guest is to be switched", migration=self.uid)

    def _stand_still(self) -> None:
        """Stop the vCPUs; who hears that the guest stays lets them run again. Raises libvirtError."""
        with self._ending:
            if self.over or self._report.standing:
                return
            self._domain.suspend()
            self._say(standing=True)
        log("the guest stands still until it has moved", migration=self.uid)

    def _look(self) -> dict[str, int] | None:
        """How far it has come, as fields of a report; None while libvirt cannot say."""
        try:
            stats: dict[str, int] = self._domain.jobStats()
        except libvirt.libvirtError:
            return None
        if "data_total" not in stats:
            return None
        self._counters = departure.counters(stats)
        self._allow(stats.get("memory_iteration", 0))
        return departure.progress(stats)

    def _allow(self, rounds: int) -> None:
        """Let the guest stand as long at the switch as it may after so many rounds."""
        allowed = departure.downtime_ms(self._request, rounds)
        if allowed != self._allowed:
            self._allowed = allowed
            with contextlib.suppress(libvirt.libvirtError):  # an older QEMU keeps its own
                self._domain.migrateSetMaxDowntime(allowed)

    def _say(self, **fields: object) -> None:
        with self._saying:
            self._report = msgspec.structs.replace(self._report, **fields)
            self._tell(self._report)


def told(error: libvirt.libvirtError) -> str:
    """libvirt's error in the form that clients of the API know."""
    code, where, what = error.get_error_code(), error.get_error_domain(), error.get_error_message()
    return f"virError(Code={code}, Domain={where}, Message='{what}')"
