"""The conversation with one launcher: hello once, then its reports for as long as it lives."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable

import msgspec

from virt_handler.adapters.guest_answers import camel
from virt_handler.adapters.safe_path import by_descriptor
from virt_handler.plan.domain import Domain, Migration, Nic, Panic, Stage
from virt_handler.plan.guest_agent import Access, Agent, Card
from virt_ipc.agent import AccessReport, AgentReport
from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError
from virt_ipc.messages import DomainReport, HelloRequest, PanicReport
from virt_ipc.migration import MigrationReport
from virt_model.migration_progress import Progress

HANDLER_VERSION = "v0.1.0"


class Pace:
    """A launcher may speak freely for a while, and then once in a while: each report can cost a write to the API."""

    BURST = 20.0
    PER_SECOND = 0.5

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._credit, self._at = self.BURST, now()

    def pause(self) -> float:
        """Seconds to wait before the next report is read."""
        moment = self._now()
        self._credit = min(self.BURST, self._credit + (moment - self._at) * self.PER_SECOND) - 1.0
        self._at = moment
        return 0.0 if self._credit >= 0 else 1.0 / self.PER_SECOND


class Session:
    """Owns the descriptor of the socket file. `lost` says that the launcher was heard no more, not that it is dead.

    A launcher whose libvirt or QEMU hangs reports nothing: it is pinged, and `answered` is told how that went.
    """

    PULSE = 10.0
    """Seconds between two pings."""

    def __init__(self, descriptor: int, on_change: Callable[[], None], answered: Callable[[bool], None]) -> None:
        self.client = LauncherClient.connect(by_descriptor(descriptor))
        self.domain: Domain | None = None
        self.lost = False
        self._descriptor, self._on_change, self._answered = descriptor, on_change, answered
        self._tasks: list[asyncio.Task[None]] = []
        self._pace = Pace()

    @property
    def socket_path(self) -> str:
        """For another connection to the same launcher."""
        return by_descriptor(self._descriptor)

    async def open(self, capability_cache: dict[str, bytes]) -> None:
        """Raises IpcError."""
        hello = HelloRequest(handler_version=HANDLER_VERSION, capability_cache=capability_cache)
        try:
            await self.client.hello(hello)
        except IpcError:
            self._answered(False)
            raise
        self._answered(True)
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()
        os.close(self._descriptor)

    def heard(self, report: DomainReport) -> None:
        self.domain = domain_of(report)
        self._on_change()

    async def _follow(self) -> None:
        try:
            async for report in self.client.events():
                self.heard(report)
                await asyncio.sleep(self._pace.pause())
        except IpcError:
            self.lost = True
            self._on_change()

    async def _listen(self) -> None:
        heard = True
        while not self.lost:
            await asyncio.sleep(self.PULSE)
            before = heard
            try:
                await self.client.ping()
                heard = True
            except IpcError:
                heard = False
            self._answered(heard)
            if not (heard and before):
                self._on_change()


def domain_of(report: DomainReport) -> Domain:
    """The report in the plans' words."""
    return Domain(
        status=report.status.value, reason=report.reason.value, machine_type=report.machine_type,
        agent_connected=report.agent_connected, agent=_agent_of(report.agent), access=_access_of(report.access),
        marked_for_graceful_shutdown=report.marked_for_graceful_shutdown,
        held=report.held, paused_on_volume=report.paused_on_volume, paused_on_no_space=report.paused_on_no_space,
        interfaces=tuple(Nic(name=nic.name, mac=nic.mac, queues=nic.queues, link_up=nic.link_up)
                         for nic in report.interfaces),
        disks=tuple((disk.name, disk.target) for disk in report.disks), error=report.error,
        migration=_migration_of(report.migration), guarded=report.guarded, panic=_panic_of(report.panic),
    )  # fmt: skip


def _agent_of(report: AgentReport | None) -> Agent | None:
    if report is None:
        return None
    words = msgspec.structs.asdict(report.os)
    return Agent(
        commands=tuple(report.commands),
        os=tuple((camel(field), text) for field, text in words.items() if text),
        cards=tuple(Card(name=nic.name, mac=nic.mac, addresses=tuple(nic.addresses)) for nic in report.nics),
        frozen=report.frozen,
        unfreeze_at=report.unfreeze_at,
    )


def _panic_of(report: PanicReport | None) -> Panic | None:
    return None if report is None else Panic(kind=report.kind, arguments=tuple(report.arguments))


def _access_of(report: AccessReport | None) -> Access | None:
    return None if report is None else Access(synchronized=report.synchronized, message=report.message)


def _migration_of(report: MigrationReport | None) -> Migration | None:
    if report is None:
        return None
    return Migration(
        migration_uid=report.migration_uid, stage=Stage(report.stage.value), error=report.error, aborted=report.aborted,
        standing=report.standing, post_copy=report.post_copy, progress=_progress_of(report),
    )  # fmt: skip


def _progress_of(report: MigrationReport) -> Progress | None:
    if not report.data_total:
        return None
    return Progress(
        migration_uid=report.migration_uid, data_total=report.data_total, data_processed=report.data_processed,
        data_remaining=report.data_remaining, dirty_rate=report.dirty_rate, transfer_rate=report.transfer_rate,
        expected_downtime_ms=report.expected_downtime_ms,
    )  # fmt: skip


def nobody_listens(descriptor: int) -> bool:
    """Whether the socket behind a descriptor is proven dead: its listener, the launcher, has ended."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(by_descriptor(descriptor))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
