"""How a guest leaves: what libvirt is told, and when the attempt is given up. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol
from xml.etree.ElementTree import fromstring

import msgspec

from virt_model.migration_way import LOOPBACK

ABORTED = "Live migration has been aborted"


class Terms(Protocol):
    """What virt-handler asks for: a `MigrateRequest`, whose fields have these names and units."""

    @property
    def libvirt_port(self) -> int: ...
    @property
    def memory_port(self) -> int: ...
    @property
    def disks_port(self) -> int: ...
    @property
    def bandwidth(self) -> int: ...
    @property
    def max_downtime_ms(self) -> int: ...
    @property
    def unsafe(self) -> bool: ...
    @property
    def auto_converge(self) -> bool: ...
    @property
    def connections(self) -> int: ...
    @property
    def completion_timeout(self) -> float: ...
    @property
    def progress_timeout(self) -> float: ...
    @property
    def allow_workload_disruption(self) -> bool: ...
    @property
    def allow_post_copy(self) -> bool: ...


ALWAYS = ("PEER2PEER", "LIVE")
STAYS_PAUSED, MAY_SWITCH = "PAUSED", "POSTCOPY"
"""Either the guest stands still at the target until it is taken over there, or it may go to post-copy: libvirt takes no
request for both. The target makes it stand still in any case: see `plan.remote`."""


def local_disks(xml: str) -> list[str]:
    """Targets of the disks in a live domain that are files of the pod and can be written: those that must be copied.

    A CD-ROM, or another disk that is read only, is made anew by the target.
    """
    return [
        target.get("dev", "")
        for disk in fromstring(xml).iterfind("devices/disk")
        if disk.get("device") == "disk" and disk.get("type") == "file" and disk.find("readonly") is None
        and (target := disk.find("target")) is not None
    ]  # fmt: skip


def flags(request: Terms, disks: list[str]) -> list[str]:
    """Names of libvirt's flags, without their prefix `VIR_MIGRATE_`."""
    return [
        *ALWAYS,
        MAY_SWITCH if request.allow_post_copy else STAYS_PAUSED,
        *(["NON_SHARED_INC"] if disks else []),
        *(["UNSAFE"] if request.unsafe else []),
        *(["AUTO_CONVERGE"] if request.auto_converge else []),
        *(["PARALLEL"] if request.connections > 1 else []),
    ]


def destination(request: Terms) -> str:
    """The libvirtd that receives."""
    return f"qemu+tcp://{LOOPBACK}:{request.libvirt_port}/session"


def parameters(request: Terms, disks: list[str]) -> dict[str, object]:
    """libvirt's typed parameters."""
    chosen: dict[str, object] = {
        "migrate_uri": f"tcp://{LOOPBACK}:{request.memory_port}",
        "listen_address": LOOPBACK,
    }
    if disks:
        chosen |= {"migrate_disks": disks, "disks_uri": f"tcp://{LOOPBACK}:{request.disks_port}"}
    if request.bandwidth:
        chosen["bandwidth"] = max(1, request.bandwidth >> 20)  # MiB a second
        if request.allow_post_copy:
            chosen["bandwidth.postcopy"] = chosen["bandwidth"]  # pages that the guest waits for go at once all the same
    if request.connections > 1:
        chosen["parallel.connections"] = request.connections
    return chosen


FIRST_DOWNTIME_MS: Final = 50
PATIENT_ROUNDS: Final = 2
"""The whole memory, and once what was changed meanwhile."""
_DATA: Final = ("data_total", "data_processed", "data_remaining")
_PAGE: Final = 4096


def counters(stats: Mapping[str, int]) -> dict[str, int]:
    """What metrics tell of libvirt's job: bytes, and bytes a second."""
    rates = {"memory_dirty_rate": _dirty_rate(stats), "memory_bps": stats.get("memory_bps", 0)}
    return {
        f"migration.{name}": value for name, value in ({name: stats.get(name, 0) for name in _DATA} | rates).items()
    }


def progress(stats: Mapping[str, int]) -> dict[str, int]:
    """libvirt's job as fields of a `MigrationReport`."""
    return {
        **{name: stats.get(name, 0) for name in _DATA},
        "dirty_rate": _dirty_rate(stats),
        "transfer_rate": stats.get("memory_bps", 0) + stats.get("disk_bps", 0),
        "expected_downtime_ms": stats.get("downtime", 0),
    }


def outcome(stats: Mapping[str, int]) -> dict[str, Any]:
    """libvirt's job that is over, as the log tells it. `downtime_ms`: until the guest was whole at the target."""
    told = {
        "total_ms": "time_elapsed",
        "setup_ms": "setup_time",
        "downtime_ms": "downtime",
        "sent_bytes": "data_processed",
    }
    return {ours: stats[name] for ours, name in told.items() if name in stats}


def downtime_ms(request: Terms, rounds: int) -> int:
    """How long the guest may stand at the switch, after so many rounds through its memory.

    QEMU stops it as soon as what is left may be sent in that time, though one more round would leave less: a guest
    that changes little needs less than it may have. So little is allowed at first, and twice as much with each round.
    """
    return min(request.max_downtime_ms, FIRST_DOWNTIME_MS << min(max(0, rounds - PATIENT_ROUNDS), 16))


def _dirty_rate(stats: Mapping[str, int]) -> int:
    """libvirt counts pages."""
    return stats.get("memory_dirty_rate", 0) * stats.get("memory_page_size", _PAGE)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision to give up depends on. Moments are monotonic seconds, amounts bytes."""

    began: float
    least: int | None = None
    """The least that ever remained."""
    least_at: float = 0.0
    standing: bool = False
    """The guest stands still already, so that the rest can be sent."""
    switching: bool = False
    """It is being switched to post-copy: nothing can be taken back."""

    def seen(self, remaining: int, now: float) -> Progress:
        """With one more look at what remains."""
        if self.least is None or remaining < self.least:
            return msgspec.structs.replace(self, least=remaining, least_at=now)
        return self


def goes_on(*, switched: bool) -> bool:
    """Whether a guest that has not left may be let run here.

    One that was switched may have run at the target since: what is left here is the past, and lacks nothing but an end.
    """
    return not switched


def overdue(request: Terms, progress: Progress, now: float) -> bool:
    """Whether the guest shall be disturbed, because it changes its memory faster than that is sent: it is switched to
    post-copy where it may be, else made to stand still."""
    late = 0 < request.completion_timeout < now - progress.began
    return late and request.allow_workload_disruption and not (progress.standing or progress.switching)


def given_up(request: Terms, progress: Progress, now: float) -> str:
    """Why the guest shall stay after all; empty while there is hope."""
    if progress.switching:
        return ""
    tries_to_switch = request.allow_post_copy and request.allow_workload_disruption
    patience = request.completion_timeout * (2 if progress.standing or tries_to_switch else 1)
    if patience and now - progress.began > patience:
        return f"Live migration is not completed after {patience:.0f} seconds and has been aborted"
    moved_at = progress.began if progress.least is None else progress.least_at
    if request.progress_timeout and now - moved_at > request.progress_timeout:
        return f"Live migration stuck for {request.progress_timeout:.0f} seconds and has been aborted"
    return ""
