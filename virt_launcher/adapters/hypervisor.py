"""libvirt's QEMU driver in our own process: one connection, one domain, and what is seen of it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import libvirt
import msgspec

from api.access import AccessCredential
from virt_ipc.agent import AccessReport, AgentReport
from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import DomainReport, DomainStats, PanicReport, Reason, Status
from virt_ipc.migration import MigrateRequest, MigrationReport
from virt_launcher.adapters import domain_events, domains, event_loop, stats, words
from virt_launcher.adapters.departure import Departure
from virt_launcher.adapters.dirty_rate import DirtyRate
from virt_launcher.adapters.guest_agent import GuestAgent
from virt_launcher.adapters.log import log, warn
from virt_launcher.adapters.qemu_events import QemuEvents

SETTLE_SECONDS, AGAIN_SECONDS = 10.0, 0.2


class _NoGuest(LauncherRefused):
    """There is none, or none any more."""


class Hypervisor:
    """Creates or adopts one domain; reports every change to `changed`, from libvirt's threads.

    The driver is opened when the domain comes: only then does libvirt look for one that runs already. What
    `domain_events` hears is told to `turned`, `ended`, `rebooted`, `agent_came`, `panicked` and `disk_failed`.
    """

    def __init__(self, uri: str, qemu_events: str, changed: Callable[[DomainReport], None]) -> None:
        """`qemu_events` is the socket of the second monitor that the domain's XML gives QEMU."""
        event_loop.start()
        self._uri, self._qemu_events = uri, qemu_events
        self._opened: libvirt.virConnect | None = None
        self._tell = changed
        self._lock = threading.RLock()
        self._domain: libvirt.virDomain | None = None
        self._report = DomainReport()
        self._end: Reason | None = None
        self._killed = False
        self._departure: Departure | None = None
        self._agent: GuestAgent | None = None
        self._dirty_rate: DirtyRate | None = None
        self._beginning = threading.Lock()  # libvirt lets nothing begin while a guest leaves, and would wait

    @property
    def _connection(self) -> libvirt.virConnect:
        """Opened at its first use, which takes some milliseconds. Raises libvirt.libvirtError."""
        with self._lock:
            if self._opened is None:
                self._opened = libvirt.open(self._uri)
                domain_events.subscribe(self._opened, self)
            return self._opened

    def create(self, xml: str, *, paused: bool) -> DomainReport:
        """Start the domain. Raises LauncherRefused with libvirt's words; only then may it be tried again."""
        flags = libvirt.VIR_DOMAIN_START_PAUSED if paused else 0
        try:
            domain = self._connection.createXML(xml, flags)
        except libvirt.libvirtError as error:
            raise LauncherRefused(f"libvirt: {domains.text(error)}") from error
        return self._take(domain, paused)

    def adopt(self, name: str, *, paused: bool) -> DomainReport:
        """Go on with a running domain whose state lies in the driver's directory. Raises LauncherRefused."""
        try:
            return self._take(self._connection.lookupByName(name), paused)
        except libvirt.libvirtError as error:
            raise LauncherRefused(f"libvirt: {domains.text(error)}") from error

    def depart(self, request: MigrateRequest, tell: Callable[[MigrationReport], None]) -> Departure:
        """Begin to send the guest away. Raises LauncherRefused where there is none."""
        if self._domain is None or self._end is not None:
            raise LauncherRefused("no guest runs")

        with self._beginning:
            events = QemuEvents(self._qemu_events, self._has_moved)
            self._departure = Departure(self._domain, request, tell, events, self._settle)
        return self._departure

    def _take(self, domain: libvirt.virDomain, held: bool) -> DomainReport:
        with self._lock:
            self._domain, self._end, self._killed, self._departure = domain, None, False, None
            self._agent = GuestAgent(domain, self._agent_said)
            self._dirty_rate = DirtyRate(domain)
            self._report = msgspec.structs.replace(domains.first_report(domain), held=held)
            if self._report.agent_connected:
                self._agent.appeared()
            self._look()
            return self._report

    def shutdown(self) -> None:
        """Press the power button."""
        self._act(lambda domain: domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN))

    def kill(self) -> None:
        """SIGTERM to QEMU, so that it writes back what it holds; SIGKILL when it does not go."""
        self._killed = True
        self._act(domains.destroy)

    def pause(self) -> None:
        """Stop the vCPUs, unless they stand; they stand when a migration has ended, too. Raises LauncherRefused."""
        self._hold(True)
        if self._report.status is not Status.PAUSED:
            try:
                self._act(lambda domain: domain.suspend())
            except LauncherRefused:
                self._hold(False)
                raise

    def unpause(self) -> None:
        """Let the vCPUs run, unless they do; with a guest on its way, when its migration ends. Raises LauncherRefused.

        libvirt resumes nothing that moves: it would keep us waiting, and then refuse.
        """
        self._hold(False)
        if self._report.status is Status.PAUSED and (self._departure is None or self._departure.over):
            self._act(lambda domain: domain.resume())

    def _hold(self, held: bool) -> None:
        """Keep what the user wants. It is in the last report of a guest that leaves, or the guest is no longer here."""
        with self._lock:
            if self._domain is None or self._end is not None:
                raise LauncherRefused("no guest runs")
            if self._departure is not None and self._departure.has_switched:
                raise LauncherRefused("the guest runs at another node by now")
            self._set(held=held)

    def _settle(self) -> bool:
        """The guest stays here after all, and runs or stands as libvirt likes: make it what its user wants.

        False where QEMU does not let it run any more: what broke off as it was switched has nowhere to go on.
        """
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            try:
                self._act(lambda domain: domain.suspend() if self._report.held else domain.resume())
            except LauncherRefused as refusal:
                warn(f"the guest that stays is not as it shall be: {refusal}")
            else:
                return True
            self._look()
            if self._report.status is (Status.PAUSED if self._report.held else Status.RUNNING):
                return True
            time.sleep(AGAIN_SECONDS)
        return False

    def reset(self) -> None:
        """Press the reset button. Raises LauncherRefused."""
        self._stays()
        self._do(lambda domain: domain.reset())

    def soft_reboot(self) -> None:
        """Ask the agent when it is connected, else press the power button in libvirt's way of rebooting.

        Raises LauncherRefused.
        """
        self._stays()
        agent = libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT
        button = libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN
        self._do(lambda domain: domain.reboot(agent if self._report.agent_connected else button))

    def _stays(self) -> None:
        """libvirt would keep us waiting for the end of a migration, and then have nobody to do it to."""
        if self._departure is not None and not self._departure.over:
            raise LauncherRefused("the guest is on its way to another node: ask again when it has arrived")

    def agent(self) -> GuestAgent:
        """The guest's agent. Raises LauncherRefused where there is no guest."""
        if self._agent is None or self._end is not None:
            raise LauncherRefused("no guest runs")
        return self._agent

    def let_in(self, credentials: Sequence[AccessCredential]) -> None:
        """Keep the guest's keys and passwords as these credentials say, by its agent."""
        if self._agent is not None and credentials:
            self._agent.keep(credentials, self._access_said)

    def stats(self) -> DomainStats:
        """Counters of the running domain. Raises LauncherRefused with libvirt's words."""
        if self._domain is None or self._dirty_rate is None or self._end is not None:
            raise LauncherRefused("no guest runs")
        try:
            moving = self._departure.counters if self._departure is not None else {}
            found = stats.read(self._connection, self._domain, self._dirty_rate, moving)
        except libvirt.libvirtError as error:
            raise LauncherRefused(f"libvirt: {domains.text(error)}") from error
        with self._beginning:
            if self._departure is None or self._departure.over:
                self._dirty_rate.measure()
        return found if self._agent is None else msgspec.structs.replace(found, usage=self._agent.usage())

    def answer(self) -> None:
        """Return once QEMU has answered libvirt a small question. Raises LauncherRefused where it does not in time."""
        if self._domain is None or self._end is not None:
            return
        try:
            self._connection.domainListGetStats([self._domain], libvirt.VIR_DOMAIN_STATS_IOTHREAD, 0)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_OPERATION_TIMEOUT:
                raise LauncherRefused(f"libvirt: {domains.text(error)}") from error

    def _act(self, call: Callable[[libvirt.virDomain], object]) -> None:
        """Do it to the running domain; nothing where there is none any more."""
        with contextlib.suppress(_NoGuest):
            self._do(call)

    def _do(self, call: Callable[[libvirt.virDomain], object]) -> None:
        """Do it to the running domain. Raises LauncherRefused, also where there is none any more."""
        domain = self._domain
        if domain is None or self._end is not None:
            raise _NoGuest("no guest runs")
        try:
            call(domain)
        except libvirt.libvirtError as error:
            if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
                self._look()
                if self._end is not None:
                    raise _NoGuest("no guest runs any more") from error
            raise LauncherRefused(f"libvirt: {domains.text(error)}") from error

    def _look(self) -> None:
        """Ask libvirt for the state. What cannot be asked any more has ended; the event says how."""
        with self._lock, contextlib.suppress(libvirt.libvirtError):
            if self._domain is not None and self._end is None:
                number, why = self._domain.state()
                self._set(status=words.STATUS[number], reason=words.reason(number, why))

    def _has_moved(self) -> None:
        """QEMU itself has proven it; libvirt says so some 0.2 s later."""
        if not self._killed:
            log("QEMU itself says that the guest has moved")
            self.ended(Reason.MIGRATED)

    def ended(self, reason: Reason) -> None:
        """What is said first holds."""
        with self._lock:
            if self._end is None:
                self._end = reason
                self._set(status=Status.SHUTOFF, reason=reason, agent_connected=False)

    def _set(self, **fields: object) -> None:
        with self._lock:
            self._report = msgspec.structs.replace(self._report, **fields)
            if self._domain is not None:
                self._tell(self._report)

    def turned(self, *, switched: bool, resumed: bool) -> None:
        self._look()
        if switched and self._departure is not None:
            self._departure.switched()
        self._ends_if_switched()
        if resumed and self._report.reason is not Reason.IO_ERROR:
            self._set(paused_on_volume="", paused_on_no_space=False)  # else the disk has failed again since

    def _ends_if_switched(self) -> None:
        """What was switched may run elsewhere: whatever lets it run here, it ends."""
        departed = self._departure is not None and self._departure.has_switched
        if departed and self._report.status is Status.RUNNING:
            warn("a guest that was switched runs here: it is ended")
            threading.Thread(target=self.kill, name="end", daemon=True).start()

    def rebooted(self) -> None:
        self._set(guest_rebooted=self._report.guest_rebooted + 1)

    def agent_came(self, came: bool) -> None:
        with self._lock:
            if self._agent is not None:
                (self._agent.appeared if came else self._agent.went)()
        self._set(agent_connected=came)

    def _agent_said(self, report: AgentReport) -> None:
        self._set(agent=report)

    def _access_said(self, report: AccessReport) -> None:
        self._set(access=report)

    def panicked(self, said: PanicReport) -> None:
        self._set(panic=said)

    def disk_failed(self, volume: str, *, no_space: bool) -> None:
        self._set(paused_on_volume=volume[:253], paused_on_no_space=no_space)
        self._look()

    def job_done(self, stats: Mapping[str, int]) -> None:
        if self._departure is not None:
            self._departure.figures(stats)
