"""What the agent does next for one VMI of its node: a table of situations, first match wins. Pure.

 situation                                    what is done
 ───────────────────────────────────────────  ──────────────────────────────────────────────────────────────
 VMI not known, its pod is here               ask the API for it
 VMI proven gone                              kill, dismiss the launcher, forget
 VMI final                                    kill what still runs, dismiss the launcher, forget
 launcher proven dead                         hear from the kubelet how, for 3 s; the phase its last report asked for,
                                              else Failed
 no connection                                connect, once there is a socket
 guest over                                   phase, then dismiss the launcher
 VMI or pod being deleted                     ACPI every 5 s within the grace time, then kill
 paused by an I/O error                       resume, with longer and longer waits
 else                                         network, domain, status Scheduled → Running

The launcher may be set to work before the VMI is Scheduled (one VMI UID has one possible launcher pod); its status is
written only from Scheduled on, when virt-controller has handed the object over. By then the guest mostly runs, so that
one write says everything: that it runs, where its disks and NICs are, and whether it could be migrated.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from virt_handler.plan import status, sudden_end
from virt_handler.plan.domain import Domain, acpi_on, grace_seconds, phase_asked_for
from virt_model.phases import Phase

Json = dict[str, Any]
SIGNAL_EVERY = 5.0
"""Seconds between two ACPI signals to a guest that does not react."""


class Launcher(StrEnum):
    """What is known of the process in the pod. Silence is never taken for death."""

    UNSEEN = "unseen"
    READY = "ready"  # its socket is there, we are not connected
    CONNECTED = "connected"
    DEAD = "dead"  # nobody listens on its socket, or the kubelet says that the container ended


class Network(StrEnum):
    NONE = "none"
    READY = "ready"
    BROKEN = "broken"  # cannot be wired as the VMI says, now or later


class Observed(Struct, frozen=True, kw_only=True):
    """All that a decision needs. Times in seconds of a monotonic clock, but `wall` (RFC 3339)."""

    vmi: Json | None
    proven_gone: bool = False
    """The API said that no VMI of this UID exists."""
    pod: Json | None
    launcher: Launcher
    dead_since: float | None = None
    """When the launcher was first seen dead."""
    domain: Domain | None = None
    """The last report; None until the first."""
    network: Network = Network.NONE
    problem: str = ""
    """Why the network or the domain could not be made; shown in the VMI."""
    retry_at: float = 0.0
    """Not before this is a failed step tried again."""
    signalled_at: float | None = None
    """The last ACPI signal."""
    stopping_since: float | None = None
    """The first ACPI signal."""
    resume_at: float = 0.0
    """Not before this is a guest resumed that an I/O error has paused."""
    killed: bool = False
    dismissed: bool = False
    addresses: dict[str, tuple[str, ...]] = {}
    now: float
    wall: str


class Ask(Struct, frozen=True, tag=True):
    """Read the VMI from the API."""


class Connect(Struct, frozen=True, tag=True):
    """Open the launcher's socket, introduce ourselves, follow its reports."""


class SetUpNetwork(Struct, frozen=True, tag=True):
    pass


class Sync(Struct, frozen=True, tag=True):
    """Have the domain made."""


class Resume(Struct, frozen=True, tag=True):
    """Let a guest run that an I/O error has stopped: the storage may be back."""


class Signal(Struct, frozen=True, tag=True):
    """Press the guest's power button."""


class Kill(Struct, frozen=True, tag=True):
    pass


class Dismiss(Struct, frozen=True, tag=True):
    """Tell the launcher that its end has been recorded."""


class Forget(Struct, frozen=True, tag=True):
    """Remove every trace: connection, DHCP, records."""


class WriteStatus(Struct, frozen=True, tag=True):
    status: Json


class Tell(Struct, frozen=True, tag=True):
    """An Event on the VMI."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


Action = Ask | Connect | SetUpNetwork | Sync | Resume | Signal | Kill | Dismiss | Forget | WriteStatus | Tell


class Plan(Struct, frozen=True):
    actions: tuple[Action, ...] = ()
    again_in: float | None = None


NOTHING = Plan()


def plan(seen: Observed) -> Plan:
    """The next step. After each, the world is looked at again."""
    if seen.vmi is None:
        return _without_vmi(seen)
    phase = _phase(seen.vmi)
    if phase.final:
        return _wind_up(seen)
    if seen.launcher is Launcher.DEAD:
        unheard = sudden_end.unheard_for(seen.pod, seen.dead_since, seen.now) if _died(seen) else 0.0
        return Plan(again_in=unheard) if unheard > 0 else _record_end(seen, phase)
    if seen.launcher is Launcher.UNSEEN and seen.pod is None and not phase.handed_over:
        return Plan((Forget(),))
    if seen.launcher is not Launcher.CONNECTED or seen.domain is None:
        return Plan((Connect(),)) if seen.launcher is Launcher.READY else NOTHING
    if seen.domain.over:
        return _record_end(seen, phase)
    if _must_stop(seen):
        return _stop(seen)
    return _run(seen, phase)


def _phase(vmi: Json) -> Phase:
    return Phase((vmi.get("status") or {}).get("phase") or "")


def _must_stop(seen: Observed) -> bool:
    assert seen.vmi is not None and seen.domain is not None
    pod = seen.pod or {}
    return (
        "deletionTimestamp" in seen.vmi["metadata"]
        or "deletionTimestamp" in pod.get("metadata", {})
        or seen.domain.marked_for_graceful_shutdown
    )


def _without_vmi(seen: Observed) -> Plan:
    if not seen.proven_gone:
        return Plan((Ask(),))
    return _wind_up(seen)


def _wind_up(seen: Observed) -> Plan:
    """The VMI needs no guest any more."""
    if seen.launcher is Launcher.CONNECTED and not seen.dismissed:
        if seen.domain is not None and seen.domain.alive and not seen.killed:
            return Plan((Tell("Normal", "Deleted", "VirtualMachineInstance stopping"), Kill()))
        return Plan((Dismiss(),))
    if seen.launcher is Launcher.READY and not seen.dismissed:
        return Plan((Connect(),))
    if seen.launcher is Launcher.CONNECTED and seen.pod is not None:
        return NOTHING  # it is on its way out; its connection or its pod will tell
    return Plan((Forget(),))


def _record_end(seen: Observed, phase: Phase) -> Plan:
    """The guest is over or its launcher is dead: the phase first, then the launcher's dismissal (by `_wind_up`)."""
    assert seen.vmi is not None
    if not phase.handed_over:
        # virt-controller sees the pod end and fails the VMI itself
        return Plan((Forget(),)) if seen.pod is None else NOTHING
    asked = phase_asked_for(seen.domain, seen.vmi) if seen.domain else None
    end = asked if asked is not None and asked.final else Phase.FAILED
    if seen.domain is not None and seen.domain.over and asked is None:
        return NOTHING  # it lives on elsewhere
    crashed = Tell("Warning", "Stopped", "The VirtualMachineInstance crashed.")
    stopped = Tell("Normal", "Stopped", "The VirtualMachineInstance was shut down.")
    dismissal = (Tell("Normal", "Deleted", "Signaled Deletion"),) if seen.launcher is Launcher.CONNECTED else ()
    died = (Tell("Warning", "LauncherFailed", sudden_end.cause(seen.pod)),) if _died(seen) else ()
    told = (*dismissal, *died, crashed) if end is Phase.FAILED else (*dismissal, stopped)
    ended = status.with_readiness(status.ended(seen.vmi, end, seen.wall), seen.pod, seen.wall)
    return Plan((WriteStatus(ended), *told))


def _died(seen: Observed) -> bool:
    """The launcher ended before its guest: what a dismissed launcher, or one whose guest is over, does not do."""
    return seen.launcher is Launcher.DEAD and not (seen.domain is not None and seen.domain.over)


def _stop(seen: Observed) -> Plan:
    assert seen.vmi is not None and seen.domain is not None
    if not seen.domain.alive:
        return NOTHING if seen.dismissed else Plan((Dismiss(),))
    if seen.killed:
        return NOTHING
    grace = grace_seconds(seen.vmi)
    over = seen.stopping_since is not None and seen.now >= seen.stopping_since + grace
    if grace == 0 or over or not acpi_on(seen.vmi):
        return Plan((Tell("Normal", "Deleted", "VirtualMachineInstance stopping"), Kill()))
    if seen.signalled_at is None:
        signalled = Tell("Normal", "ShuttingDown", "Signaled Graceful Shutdown")
        return Plan((Signal(), signalled), min(SIGNAL_EVERY, float(grace)))
    remaining = (seen.stopping_since or seen.now) + grace - seen.now
    wait = seen.signalled_at + SIGNAL_EVERY - seen.now
    if wait > 0:
        return Plan((), min(wait, remaining))
    return Plan((Signal(),), min(SIGNAL_EVERY, remaining))


def _run(seen: Observed, phase: Phase) -> Plan:
    assert seen.vmi is not None and seen.domain is not None
    if not seen.domain.alive and seen.retry_at <= seen.now and seen.network is not Network.BROKEN:
        return Plan(_make(seen))
    if not seen.domain.alive and not seen.problem:
        return NOTHING
    if seen.domain.alive and seen.network is Network.NONE and seen.retry_at <= seen.now:
        return Plan((SetUpNetwork(),))  # adopted: its DHCP is opened anew
    if not phase.handed_over:
        return Plan((), _until_retry(seen))
    if seen.domain.alive:
        return _show_running(seen, phase)
    if not status.is_taken_over(seen.vmi):
        return Plan((WriteStatus(status.taken_over(seen.vmi)),))
    return _report_problem(seen)


def _make(seen: Observed) -> tuple[Action, ...]:
    if seen.network is Network.NONE:
        return (SetUpNetwork(),)
    return (Sync(), Tell("Normal", "Created", "VirtualMachineInstance defined."))


def _show_running(seen: Observed, phase: Phase) -> Plan:
    assert seen.vmi is not None and seen.domain is not None
    if seen.domain.stopped_by_io and seen.resume_at <= seen.now:
        return Plan((Tell("Warning", "IOerror", _io_error(seen.domain)), Resume()))
    vmi = seen.vmi if status.is_taken_over(seen.vmi) else {**seen.vmi, "status": status.taken_over(seen.vmi)}
    new = status.running(vmi, seen.domain, seen.addresses, seen.wall)
    if phase is Phase.SCHEDULED:
        new = status.with_readiness(new, seen.pod, seen.wall)
    actions: tuple[Action, ...] = () if new == seen.vmi.get("status") else (WriteStatus(new),)
    if phase is Phase.SCHEDULED:
        actions += (Tell("Normal", "Started", "VirtualMachineInstance started."),)
    return Plan(actions, seen.resume_at - seen.now if seen.domain.stopped_by_io else None)


def _io_error(domain: Domain) -> str:
    if domain.paused_on_no_space:
        return f"VM Paused due to not enough space on volume: {domain.paused_on_volume}"
    return f"VM Paused due to IO error at the volume: {domain.paused_on_volume}"


def _report_problem(seen: Observed) -> Plan:
    assert seen.vmi is not None
    if seen.network is Network.BROKEN:
        failed = status.ended({**seen.vmi, "status": status.out_of_sync(seen.vmi, seen.problem, seen.wall)},
                              Phase.FAILED, seen.wall)  # fmt: skip
        return Plan((WriteStatus(failed), Tell("Warning", "SyncFailed", seen.problem)))
    new = status.out_of_sync(seen.vmi, seen.problem, seen.wall)
    if new == seen.vmi.get("status"):
        return Plan((), _until_retry(seen))
    return Plan((WriteStatus(new), Tell("Warning", "SyncFailed", seen.problem)), _until_retry(seen))


def _until_retry(seen: Observed) -> float | None:
    return seen.retry_at - seen.now if seen.retry_at > seen.now else None
