"""What virt-handler can ask of the launcher, and the one life that all of it is about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import (
    CapabilityCache,
    DomainReport,
    DomainStats,
    Empty,
    HelloReply,
    HelloRequest,
    Reason,
    ReceiveRequest,
    Status,
    SyncRequest,
    WindRequest,
)
from virt_ipc.migration import MigrateRequest, MigrationReport, MigrationStage, TakeOverRequest
from virt_ipc.server import Newest
from virt_launcher import VERSION
from virt_launcher.adapters.agent_calls import Agent, AgentCalls
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.log import Level, log, set_verbosity, warn
from virt_launcher.adapters.machine import Builder, Built, Identity, Machine
from virt_launcher.adapters.moves import Moves, Receive
from virt_launcher.adapters.one_at_a_time import OneAtATime
from virt_launcher.adapters.watchdog import Watchdog
from virt_launcher.plan.life import Arrival, Life, Stage

OVER = (Status.SHUTOFF, Status.CRASHED)
OURS = ("marked_for_graceful_shutdown", "migration", "guarded")
"""What of a report only the launcher knows."""
MAX_ERROR = 2048
ASKING_PATIENCE, ACTING_PATIENCE = 0.5, 2.0
"""Seconds that a question, or an action, waits for the one before it."""


class Launcher(AgentCalls):
    """A LauncherService (see `virt_ipc.server`). Methods are called from several threads."""

    def __init__(
        self, identity: Identity, life: Life, root: EmbedRoot, wake: Callable[[], None], watchdog: Watchdog
    ) -> None:
        self.reports = Newest(DomainReport())
        self._identity = identity
        self._life = life
        self._root = root
        self._wake = wake
        self._watchdog = watchdog
        self._lock = threading.RLock()
        self._syncing = threading.Lock()
        self._asking, self._acting = OneAtATime(ASKING_PATIENCE), OneAtATime(ACTING_PATIENCE)
        self._ready = threading.Event()
        self._machine: Machine | None = None
        self._build: Builder | None = None
        self._receive: Receive | None = None
        self._received: Built | None = None
        self._moves = Moves(self._migrating, self._arriving)

    def equip(self, machine: Machine, build: Builder, receive: Receive) -> None:
        """libvirt is loaded: from now on a Sync can be served; earlier ones have waited for this."""
        self._machine, self._build, self._receive = machine, build, receive
        self._ready.set()

    @property
    def life(self) -> Life:
        """What the main thread decides by."""
        with self._lock:
            return self._life

    def note(self, **changes: Any) -> None:
        """The main thread did or saw something that its next decision depends on."""
        with self._lock:
            self._life = msgspec.structs.replace(self._life, **changes)

    def changed(self, seen: DomainReport) -> None:
        """The hypervisor saw something. Keeps what only the launcher knows."""
        with self._lock:
            over = seen.status in OVER
            now = time.monotonic()
            if over and self._life.stage is not Stage.ENDED:
                self.note(stage=Stage.ENDED, ended=now, moved=seen.reason is Reason.MIGRATED)
            elif self._life.stage is Stage.AWAITED:
                self.note(stage=Stage.ALIVE, alive=now)
            known = self.reports.report
            kept = {name: getattr(known, name) for name in OURS}
            if (known.status, known.reason) != (seen.status, seen.reason):
                log(f"domain is {seen.status} ({seen.reason})")
            self.reports.publish(msgspec.structs.replace(seen, error="", **kept))
        self._wake()

    def mark_for_graceful_shutdown(self) -> None:
        """The pod is being stopped: tell the handler."""
        with self._lock:
            report = msgspec.structs.replace(self.reports.report, marked_for_graceful_shutdown=True)
            self.reports.publish(report)

    def hello(self, request: HelloRequest) -> HelloReply:
        """Who we are. Takes the capability cache while libvirt has not asked QEMU yet."""
        with self._lock:
            early = self._life.stage is Stage.AWAITED and bool(request.capability_cache)
        used = early and self._root.seed(request.capability_cache)
        identity = self._identity
        return HelloReply(
            version=VERSION,
            name=identity.name,
            namespace=identity.namespace,
            uid=identity.uid,
            capability_cache_used=used,
        )

    def sync(self, request: SyncRequest) -> DomainReport:
        """Create the domain, if there was none yet. One at a time; the second finds the first one's domain."""
        with self._syncing:
            if self.life.stage is Stage.AWAITED:
                try:
                    self._create(request)
                except LauncherRefused as refusal:
                    self._failed(str(refusal))
                    raise
            return self.reports.report

    def _may_begin(self) -> None:
        """Waits until libvirt's code is loaded. Raises LauncherRefused where there shall be no domain any more."""
        if self.life.released or self.life.stopped is not None:
            raise LauncherRefused("the launcher is being stopped")
        if self._moves.expects or self.life.stage is not Stage.AWAITED:
            raise LauncherRefused("this launcher has a guest, or waits for one that comes from another node")
        self._ready.wait()

    def _create(self, request: SyncRequest) -> None:
        self._may_begin()
        assert self._machine is not None and self._build is not None
        set_verbosity(request.options.verbosity)
        started = time.monotonic()
        built = self._build(request)
        ready = time.monotonic()
        log("the domain's XML", Level.DEBUG, xml=built.xml)
        self._machine.create(built.xml, paused=built.paused)
        running = time.monotonic()
        self._machine.let_in(built.credentials)
        log("domain created", build_s=_ms(ready - started), create_s=_ms(running - ready))

    def _failed(self, error: str) -> None:
        warn(f"synchronisation failed: {error}")
        with self._lock:
            self.reports.publish(msgspec.structs.replace(self.reports.report, error=error[:MAX_ERROR]))

    def capability_cache(self, request: Empty) -> CapabilityCache:
        """What libvirt had to ask QEMU itself."""
        return CapabilityCache(files={} if self.life.stage is Stage.AWAITED else self._root.learned())

    def shutdown(self, request: Empty) -> Empty:
        """Press the power button."""
        if self.life.stage is Stage.ALIVE:
            return self._act(lambda machine: machine.shutdown())
        self._moves.press()
        return Empty()

    def kill(self, request: Empty) -> Empty:
        """End the guest; where there is none yet there shall be none."""
        with self._syncing:
            if self.life.stage is Stage.AWAITED:
                return self._release()
        if self._machine is not None and self.life.stage is Stage.ALIVE:
            self._machine.kill()  # whatever else hangs
        return Empty()

    def delete(self, request: Empty) -> Empty:
        """The handler has seen the end. Raises LauncherRefused while the guest runs."""
        with self._syncing:
            if self.life.stage is Stage.ALIVE:
                raise LauncherRefused("the guest runs: shut it down or kill it first")
            return self._release()

    def pause(self, request: Empty) -> Empty:
        """Stop the vCPUs."""
        return self._act(lambda machine: machine.pause())

    def unpause(self, request: Empty) -> Empty:
        """Let the vCPUs run."""
        return self._act(lambda machine: machine.unpause())

    def reset(self, request: Empty) -> Empty:
        """Press the reset button."""
        return self._act(lambda machine: machine.reset())

    def soft_reboot(self, request: Empty) -> Empty:
        """Ask the guest to reboot."""
        return self._act(lambda machine: machine.soft_reboot())

    def receive(self, request: ReceiveRequest) -> Empty:
        """Prepare the files as for a start, and a libvirtd that waits for the guest."""
        with self._syncing:
            if not self._moves.expects:
                self._may_begin()
                assert self._build is not None and self._receive is not None
                set_verbosity(request.options.verbosity)
                self._received = self._build(SyncRequest(vmi=request.vmi, options=request.options))
                self._moves.expect(request.migration_uid, self._receive)
            return Empty()

    def migrate(self, request: MigrateRequest) -> Empty:
        """Begin to send the guest away."""
        with self._syncing:
            if self._machine is None or self.life.stage is Stage.AWAITED:
                raise LauncherRefused("no guest runs")
            self._moves.depart(self._machine, request)
            return Empty()

    def abort_migration(self, request: Empty) -> Empty:
        """Call the guest back."""
        self._moves.abort()
        return Empty()

    def complete_migration(self, request: Empty) -> Empty:
        """Have a guest that leaves stand still, so that it gets done."""
        self._moves.complete()
        return Empty()

    def take_over(self, request: TakeOverRequest) -> DomainReport:
        """Let the guest that was received run here."""
        with self._syncing:
            if self._machine is None:
                raise LauncherRefused("no guest was received")
            name = self._identity.domain
            taken = self._moves.take_over(self._machine, name, self._root.adopt, paused=request.paused)
            if taken and self._received is not None:
                self._machine.let_in(self._received.credentials)
                self._received = None  # once: a take-over may be repeated
            if request.unfreeze_after:
                self._machine.agent().unfreeze_after(request.unfreeze_after)
            return self.reports.report

    def wind(self, request: WindRequest) -> Empty:
        """The guest may run until then. It need not be there yet."""
        self._watchdog.wind(request.until)
        with self._lock:
            self.reports.publish(msgspec.structs.replace(self.reports.report, guarded=True))
        return Empty()

    def _migrating(self, report: MigrationReport) -> None:
        with self._lock:
            self.note(leaving=report.stage is MigrationStage.SENDING)
            self.reports.publish(msgspec.structs.replace(self.reports.report, migration=report))
        self._wake()

    def _arriving(self, arrival: Arrival) -> None:
        self.note(arrival=arrival)
        self._wake()

    def stats(self, request: Empty) -> DomainStats:
        """Ask libvirt."""
        if self._machine is None or self.life.stage is not Stage.ALIVE:
            raise LauncherRefused("no guest runs")
        with self._asking():
            return self._machine.stats()

    def _agent(self) -> Agent:
        """Raises LauncherRefused while no guest runs."""
        if self._machine is None or self.life.stage is not Stage.ALIVE:
            raise LauncherRefused("no guest runs")
        return self._machine.agent()

    def ping(self, request: Empty) -> Empty:
        """Answers as long as no call holds the lock for ever, and QEMU answers libvirt."""
        if self._machine is not None and self.life.stage is Stage.ALIVE:
            with self._asking():
                self._machine.answer()
        return Empty()

    def _release(self) -> Empty:
        self.note(released=True)
        self._wake()
        return Empty()

    def _act(self, do: Callable[[Machine], None]) -> Empty:
        """Do it to the running guest. Raises LauncherRefused where none runs: nobody is told that it was done."""
        if self._machine is None or self.life.stage is not Stage.ALIVE:
            raise LauncherRefused("no guest runs")
        with self._acting():
            do(self._machine)
        return Empty()


def _ms(seconds: float) -> float:
    return round(seconds, 3)
