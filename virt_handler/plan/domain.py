"""What a launcher says about its domain, in the plans' own words. Pure.

The launcher is not trusted: its report is bounded where it arrives, and here only known words have consequences.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

from msgspec import Struct

from virt_handler.plan.guest_agent import Access, Agent
from virt_model.migration_progress import Progress
from virt_model.phases import DomainStatus, Phase, phase_of_domain

_WORDS = {"postcopyfailed": "postcopy-failed", "fromsnapshot": "from-snapshot"}
DEFAULT_GRACE_SECONDS = 30
_UNKNOWN = "unknown"
_KINDS = ("hyper-v", "s390", "tdx")
_CODE = re.compile("0x[0-9a-f]{1,16}")


class Nic(Struct, frozen=True, kw_only=True):
    """A NIC of the running domain, by the name of its network."""

    name: str
    mac: str = ""
    queues: int = 1
    link_up: bool = True


class Stage(StrEnum):
    """How far a migration has come, as one of its two launchers sees it."""

    WAITING = "waiting"  # target: ready, nothing has come
    ARRIVING = "arriving"  # target: the domain is there, its memory is coming
    FETCHING = "fetching"  # target, post-copy: it was let run, and the rest of its memory is coming
    RECEIVED = "received"  # target: all of it is there, and stands still unless it was let run before
    TAKEN = "taken"  # target: it was let run
    SENDING = "sending"
    SWITCHED = "switched"  # post-copy. Source: the guest can never run here again. Target: it stands, and could run
    SENT = "sent"  # source: the domain has ended here
    FAILED = "failed"


class Migration(Struct, frozen=True, kw_only=True):
    """What a launcher says of a migration."""

    migration_uid: str
    stage: Stage
    error: str = ""
    aborted: bool = False
    """It failed because it was given up."""
    standing: bool = False
    """At the source: the guest was made to stand still, so that it gets done."""
    post_copy: bool = False
    """At the source: the guest was switched before all of its memory had been sent."""
    progress: Progress | None = None
    """At the source, once libvirt knows of some."""


class Panic(Struct, frozen=True, kw_only=True):
    """The guest's kernel has panicked, and said so."""

    kind: str = ""
    arguments: tuple[str, ...] = ()
    """Hexadecimal; the first is the code of the bug check."""

    @property
    def labels(self) -> tuple[str, str]:
        """Type and code, as the metric has them."""
        code = self.arguments[0] if self.arguments else ""
        return self.kind if self.kind in _KINDS else _UNKNOWN, code if _CODE.fullmatch(code) else _UNKNOWN

    @property
    def message(self) -> str:
        """As the Event has it."""
        if self.arguments:
            return "GuestPanicked: " + ", ".join(f"'{each}'" for each in self.arguments)
        return f"GuestPanicked: type={self.kind}" if self.kind else "GuestPanicked"


class Domain(Struct, frozen=True, kw_only=True):
    """The latest report. `absent` means that this launcher has not made a domain yet."""

    status: str = DomainStatus.ABSENT
    reason: str = ""
    machine_type: str = ""
    agent_connected: bool = False
    agent: Agent | None = None
    """What it said last; None before its first word."""
    access: Access | None = None
    marked_for_graceful_shutdown: bool = False
    held: bool | None = None
    """Its user wants it paused; None where the launcher cannot say."""
    paused_on_volume: str = ""
    paused_on_no_space: bool = False
    panic: Panic | None = None
    interfaces: tuple[Nic, ...] = ()
    disks: tuple[tuple[str, str], ...] = ()
    """(volume, target)."""
    error: str = ""
    migration: Migration | None = None
    guarded: bool = False
    """A watchdog ends it unless it is wound up again."""

    @property
    def absent(self) -> bool:
        return self.status == DomainStatus.ABSENT

    @property
    def stopped_by_io(self) -> bool:
        """QEMU stopped the guest because a disk failed."""
        return self.status == DomainStatus.PAUSED and self.reason == "ioerror"

    @property
    def over(self) -> bool:
        """One launcher, one domain life: nothing follows."""
        return self.status in (DomainStatus.SHUTOFF, DomainStatus.CRASHED)

    @property
    def migrated(self) -> bool:
        """It is over here because it has moved."""
        return self.over and self.reason == "migrated"

    @property
    def switching(self) -> bool:
        """It stands still at the end of a migration, which says nothing of whether its user had paused it."""
        if self.migration is None or self.migration.stage not in (Stage.SENDING, Stage.SWITCHED, Stage.SENT):
            return False
        moved = self.reason in ("migration", "postcopy")
        return moved or self.status not in (DomainStatus.RUNNING, DomainStatus.PAUSED)

    @property
    def alive(self) -> bool:
        return not (self.absent or self.over or self.status == DomainStatus.NOSTATE)


def acpi_on(vmi: dict[str, Any]) -> bool:
    acpi = vmi["spec"]["domain"].get("features", {}).get("acpi") or {}
    return acpi.get("enabled") is not False


def grace_seconds(vmi: dict[str, Any]) -> int:
    grace = vmi["spec"].get("terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if grace is None else int(grace)


def phase_asked_for(domain: Domain, vmi: dict[str, Any]) -> Phase | None:
    """The phase that a domain which was made asks for; None where it says nothing."""
    if domain.absent:
        return None
    reason = _WORDS.get(domain.reason, domain.reason)
    return phase_of_domain(domain.status, reason, acpi=acpi_on(vmi), grace_seconds=grace_seconds(vmi))
