"""The conversation with one launcher: hello once, then its reports for as long as it lives."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable

from virt_handler.adapters.safe_path import by_descriptor
from virt_handler.plan.domain import Domain, Nic
from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError
from virt_ipc.messages import DomainReport, HelloRequest

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
    """Owns the descriptor of the socket file. `lost` says that the launcher was heard no more, not that it is dead."""

    def __init__(self, descriptor: int, on_change: Callable[[], None]) -> None:
        self.client = LauncherClient.connect(by_descriptor(descriptor))
        self.domain: Domain | None = None
        self.lost = False
        self._descriptor, self._on_change = descriptor, on_change
        self._follower: asyncio.Task[None] | None = None
        self._pace = Pace()

    @property
    def socket_path(self) -> str:
        """For another connection to the same launcher."""
        return by_descriptor(self._descriptor)

    async def open(self, capability_cache: dict[str, bytes]) -> None:
        """Raises IpcError."""
        await self.client.hello(HelloRequest(handler_version=HANDLER_VERSION, capability_cache=capability_cache))
        self._follower = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)
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


def domain_of(report: DomainReport) -> Domain:
    """The report in the plans' words."""
    return Domain(
        status=report.status.value, reason=report.reason.value, machine_type=report.machine_type,
        agent_connected=report.agent_connected, marked_for_graceful_shutdown=report.marked_for_graceful_shutdown,
        paused_on_volume=report.paused_on_volume, paused_on_no_space=report.paused_on_no_space,
        interfaces=tuple(Nic(name=nic.name, mac=nic.mac, queues=nic.queues, link_up=nic.link_up)
                         for nic in report.interfaces),
        disks=tuple((disk.name, disk.target) for disk in report.disks), error=report.error,
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
