"""What virt-handler can ask of the launcher, and the one life that all of it is about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import (
    CapabilityCache,
    DomainReport,
    DomainStats,
    Empty,
    HelloReply,
    HelloRequest,
    Status,
    SyncRequest,
)
from virt_ipc.server import Newest
from virt_launcher import VERSION
from virt_launcher.adapters.embed_root import EmbedRoot
from virt_launcher.adapters.log import Level, log, set_verbosity, warn
from virt_launcher.plan.life import Life, Stage
from virt_model import names

OVER = (Status.SHUTOFF, Status.CRASHED)
MAX_ERROR = 2048


class Builder(Protocol):
    """From a request to libvirt's XML; prepares the files on the way. Raises LauncherRefused."""

    def __call__(self, request: SyncRequest) -> tuple[str, bool]:
        """The XML, and whether the domain starts paused."""


class Machine(Protocol):
    """What a Hypervisor does; see `adapters.hypervisor`."""

    def create(self, xml: str, *, paused: bool) -> DomainReport: ...
    def shutdown(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def reset(self) -> None: ...
    def soft_reboot(self) -> None: ...
    def stats(self) -> DomainStats: ...


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which VMI this launcher was started for."""

    name: str
    namespace: str
    uid: str

    @property
    def domain(self) -> str:
        """The name of the libvirt domain."""
        return names.domain_name(self.namespace, self.name)


class Launcher:
    """A LauncherService (see `virt_ipc.server`). Methods are called from several threads."""

    def __init__(self, identity: Identity, life: Life, root: EmbedRoot, wake: Callable[[], None]) -> None:
        self.reports = Newest(DomainReport())
        self._identity = identity
        self._life = life
        self._root = root
        self._wake = wake
        self._lock = threading.RLock()
        self._syncing = threading.Lock()
        self._counting = threading.Lock()
        self._ready = threading.Event()
        self._machine: Machine | None = None
        self._build: Builder | None = None

    def equip(self, machine: Machine, build: Builder) -> None:
        """libvirt is open: from now on a Sync can be served; earlier ones have waited for this."""
        self._machine, self._build = machine, build
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
        """The hypervisor saw something. Keeps what only the launcher knows: the pod's stop, the last error."""
        with self._lock:
            over = seen.status in OVER
            now = time.monotonic()
            if over and self._life.stage is not Stage.ENDED:
                self.note(stage=Stage.ENDED, ended=now)
            elif self._life.stage is Stage.AWAITED:
                self.note(stage=Stage.ALIVE, alive=now)
            known = self.reports.report
            marked = known.marked_for_graceful_shutdown
            if (known.status, known.reason) != (seen.status, seen.reason):
                log(f"domain is {seen.status} ({seen.reason})")
            self.reports.publish(msgspec.structs.replace(seen, marked_for_graceful_shutdown=marked, error=""))
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

    def _create(self, request: SyncRequest) -> None:
        if self.life.released or self.life.stopped is not None:
            raise LauncherRefused("the launcher is being stopped")
        self._ready.wait()
        assert self._machine is not None and self._build is not None
        set_verbosity(request.options.verbosity)
        started = time.monotonic()
        xml, paused = self._build(request)
        built = time.monotonic()
        log("the domain's XML", Level.DEBUG, xml=xml)
        self._machine.create(xml, paused=paused)
        running = time.monotonic()
        log("domain created", build_s=_ms(built - started), create_s=_ms(running - built))

    def _failed(self, error: str) -> None:
        warn(f"synchronisation failed: {error}")
        with self._lock:
            self.reports.publish(msgspec.structs.replace(self.reports.report, error=error[:MAX_ERROR]))

    def capability_cache(self, request: Empty) -> CapabilityCache:
        """What libvirt had to ask QEMU itself."""
        return CapabilityCache(files={} if self.life.stage is Stage.AWAITED else self._root.learned())

    def shutdown(self, request: Empty) -> Empty:
        """Press the power button."""
        return self._act(lambda machine: machine.shutdown())

    def kill(self, request: Empty) -> Empty:
        """End the guest; where there is none yet there shall be none."""
        with self._syncing:
            if self.life.stage is Stage.AWAITED:
                return self._release()
        return self._act(lambda machine: machine.kill())

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

    def stats(self, request: Empty) -> DomainStats:
        """Ask libvirt. One at a time: a hung call must not take a thread more with each scrape."""
        if self._machine is None or self.life.stage is not Stage.ALIVE:
            raise LauncherRefused("no guest runs")
        if not self._counting.acquire(blocking=False):
            raise LauncherRefused("libvirt has not answered the question before yet")
        try:
            return self._machine.stats()
        finally:
            self._counting.release()

    def ping(self, request: Empty) -> Empty:
        """Answers as long as no call holds the lock for ever."""
        with self._lock:
            return Empty()

    def _release(self) -> Empty:
        self.note(released=True)
        self._wake()
        return Empty()

    def _act(self, do: Callable[[Machine], None]) -> Empty:
        if self._machine is not None and self.life.stage is Stage.ALIVE:
            do(self._machine)
        return Empty()


def _ms(seconds: float) -> float:
    return round(seconds, 3)
