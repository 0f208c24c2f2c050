"""What libvirt and QEMU tell of a domain by themselves, handed on in our words."""

from __future__ import annotations

from typing import Any, Protocol

import libvirt
import libvirt_qemu

from virt_ipc.messages import PanicReport, Reason
from virt_launcher.adapters import words
from virt_launcher.plan import alias, panic

_SWITCHED = (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_POSTCOPY)
_PANICKED = "GUEST_PANICKED"
"""QEMU's own event: libvirt's says that it happened, and not what the guest told."""


class Told(Protocol):
    """Who is told, on the thread of libvirt's events."""

    def ended(self, reason: Reason) -> None: ...

    def turned(self, *, switched: bool, resumed: bool) -> None:
        """It runs or stands otherwise than before; `switched`: to post-copy, at the source."""

    def rebooted(self) -> None: ...

    def agent_came(self, came: bool) -> None:
        """The guest's agent came, or went."""

    def panicked(self, said: PanicReport) -> None: ...

    def disk_failed(self, volume: str, *, no_space: bool) -> None:
        """It stands because of that."""

    def job_done(self, stats: dict[str, Any]) -> None:
        """libvirt's last figures of a job, such as a migration."""


def subscribe(connection: libvirt.virConnect, told: Told) -> None:
    """From now on; the connection holds the one domain. Raises libvirt.libvirtError."""
    for event, callback in (
        (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, _on_lifecycle),
        (libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, _on_reboot),
        (libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, _on_agent),
        (libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, _on_io_error),
        (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, _on_job_completed),
    ):
        connection.domainEventRegisterAny(None, event, callback, told)
    libvirt_qemu.qemuMonitorEventRegister(connection, None, _PANICKED, _on_panic, told)


def _on_lifecycle(_conn: object, _dom: object, event: int, detail: int, told: Told) -> None:
    if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
        told.ended(words.END.get(detail, Reason.UNKNOWN))
    else:
        told.turned(switched=(event, detail) == _SWITCHED, resumed=event == libvirt.VIR_DOMAIN_EVENT_RESUMED)


def _on_reboot(_conn: object, _dom: object, told: Told) -> None:
    told.rebooted()


def _on_agent(_conn: object, _dom: object, state: int, _reason: int, told: Told) -> None:
    told.agent_came(state == libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED)


def _on_panic(_conn: object, _dom: object, _event: str, _seconds: int, _micros: int, said: str, told: Told) -> None:
    found = panic.told(said)
    told.panicked(PanicReport(kind=found.kind, arguments=list(found.arguments)))


def _on_io_error(_conn: object, _dom: object, _path: str, device: str, action: int, why: str, told: Told) -> None:
    if action == libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE:
        told.disk_failed(alias.disk_name(device), no_space=why == "enospc")


def _on_job_completed(_conn: object, _dom: object, stats: dict[str, Any], told: Told) -> None:
    told.job_done(stats)
