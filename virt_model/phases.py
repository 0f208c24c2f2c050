"""The phases of a VMI and of its domain, who may move them, and what a domain's end means.

```
 "" ─► Pending ─► Scheduling ─► Scheduled ─► Running ─► Succeeded
          │            │            │           └─────► Failed
          └────────────┴────────────┴─────────────────► Failed
 webhook  └ virt-controller ────────┘└ virt-handler ──┘
```
virt-controller also fails a Scheduled or Running VMI whose launcher pod is gone.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Phase(StrEnum):
    """`status.phase` of a VMI."""

    UNSET = ""
    PENDING = "Pending"
    SCHEDULING = "Scheduling"
    SCHEDULED = "Scheduled"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    WAITING_FOR_SYNC = "WaitingForSync"
    UNKNOWN = "Unknown"

    @property
    def final(self) -> bool:
        """Nothing follows: the guest has ended and this VMI never runs again."""
        return self in _FINAL

    @property
    def handed_over(self) -> bool:
        """virt-handler owns the object; others change it only by patches that test what they change."""
        return self in (Phase.SCHEDULED, Phase.RUNNING)

    @property
    def before_scheduled(self) -> bool:
        return self in (Phase.UNSET, Phase.PENDING, Phase.SCHEDULING)


_FINAL: Final = frozenset({Phase.SUCCEEDED, Phase.FAILED})


class PrintableStatus(StrEnum):
    """`status.printableStatus` of a VM."""

    TERMINATING = "Terminating"
    STOPPING = "Stopping"
    MIGRATING = "Migrating"
    PAUSED = "Paused"
    RUNNING = "Running"
    PVC_NOT_FOUND = "ErrorPvcNotFound"
    DATA_VOLUME_ERROR = "DataVolumeError"
    UNSCHEDULABLE = "ErrorUnschedulable"
    PROVISIONING = "Provisioning"
    WAITING_FOR_VOLUME_BINDING = "WaitingForVolumeBinding"
    ERR_IMAGE_PULL = "ErrImagePull"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    STARTING = "Starting"
    CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
    STOPPED = "Stopped"
    WAITING_FOR_RECEIVER = "WaitingForReceiver"
    UNKNOWN = "Unknown"


class RunStrategy(StrEnum):
    """`spec.runStrategy` of a VM; the deprecated `spec.running` is Always or Halted."""

    ALWAYS = "Always"
    RERUN_ON_FAILURE = "RerunOnFailure"
    MANUAL = "Manual"
    HALTED = "Halted"
    ONCE = "Once"
    WAIT_AS_RECEIVER = "WaitAsReceiver"
    UNKNOWN = "Unknown"  # neither field says anything we know: nothing is started or stopped


_STRATEGIES: Final = frozenset(RunStrategy)


def run_strategy(running: bool | None, strategy: str) -> RunStrategy:
    """The strategy in force, from the two fields of which a valid VM has exactly one."""
    if strategy in _STRATEGIES:
        return RunStrategy(strategy)
    if running is not None:
        return RunStrategy.ALWAYS if running else RunStrategy.HALTED
    return RunStrategy.UNKNOWN


class DomainStatus(StrEnum):
    """State of a libvirt domain, as launcher and handler exchange it."""

    RUNNING = "running"
    PAUSED = "paused"
    BLOCKED = "blocked"
    SHUTDOWN = "shutdown"
    SHUTOFF = "shutoff"
    CRASHED = "crashed"
    PMSUSPENDED = "pmsuspended"
    NOSTATE = "nostate"
    ABSENT = "absent"


#: the grace that a forced restart leaves a guest: nobody expects it to end by itself in that time
FORCED_GRACE_SECONDS: Final = 1


def phase_of_domain(status: str, reason: str, *, acpi: bool, grace_seconds: int) -> Phase | None:
    """The phase that a domain's state asks for; None where it says nothing about the phase.

    `reason` is libvirt's word in lower case: crashed, panicked, destroyed, shutdown, saved, from-snapshot, migrated,
    postcopy-failed, failed. A destroyed domain that could have been shut down politely (ACPI on, some grace) failed;
    one that could not, or was to be forced, was simply stopped.
    """
    if status in (DomainStatus.RUNNING, DomainStatus.BLOCKED, DomainStatus.PMSUSPENDED):
        return Phase.RUNNING
    if status == DomainStatus.PAUSED:
        return Phase.FAILED if reason == "postcopy-failed" else Phase.RUNNING
    if status == DomainStatus.CRASHED:
        return Phase.FAILED
    if status == DomainStatus.SHUTOFF:
        return _phase_of_shutoff(reason, polite=acpi and grace_seconds > FORCED_GRACE_SECONDS)
    if status == DomainStatus.ABSENT:
        return Phase.FAILED
    return None


def _phase_of_shutoff(reason: str, *, polite: bool) -> Phase | None:
    if reason in ("crashed", "panicked", "failed"):
        return Phase.FAILED
    if reason == "destroyed":
        return Phase.FAILED if polite else Phase.SUCCEEDED
    if reason in ("shutdown", "saved", "from-snapshot"):
        return Phase.SUCCEEDED
    return None
