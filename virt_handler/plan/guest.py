"""What the agent does next for one VMI of its node: a table of situations, first match wins. Pure.

 situation                                    what is done
 ───────────────────────────────────────────  ──────────────────────────────────────────────────────────────
 VMI not known, its pod is here               ask the API for it
 VMI proven gone                              kill, dismiss the launcher, forget
 it runs elsewhere, its memory is still here  –
 VMI final, or the guest has moved away       kill what still runs, dismiss the launcher, forget
 a migration comes, goes or begins            see migration_target, migration_source
 launcher proven dead                         hear from the kubelet how, for 3 s; the phase its last report asked for,
                                              else Failed
 no connection                                connect, once there is a socket
 no answer for 20 s                           say that the guest's state is unknown, until there is one
 guest over                                   phase, then dismiss the launcher
 VMI or pod being deleted                     ACPI every 5 s within the grace time, then kill
 paused by an I/O error                       resume, with longer and longer waits
 else                                         network, domain, status Scheduled → Running

The launcher may be set to work before the VMI is Scheduled (one VMI UID has one possible launcher pod); its status is
written only from Scheduled on, when virt-controller has handed the object over. By then the guest mostly runs, so that
one write says everything: that it runs, where its disks and NICs are, and whether it could be migrated.
"""

from __future__ import annotations

from typing import Any

from virt_handler.plan import (
    guard,
    guest_agent,
    migration_source,
    migration_status,
    migration_target,
    post_copy,
    status,
    sudden_end,
)
from virt_handler.plan.domain import Domain, acpi_on, grace_seconds, phase_asked_for
from virt_handler.plan.migration_role import Role
from virt_handler.plan.steps import (
    NOTHING,
    Action,
    Ask,
    CloseRelay,
    Connect,
    CountPanic,
    Dismiss,
    Forget,
    Kill,
    Launcher,
    Network,
    Observed,
    Plan,
    Resume,
    SetUpNetwork,
    Signal,
    Sync,
    Tell,
    WriteStatus,
)
from virt_model.phases import Phase

Json = dict[str, Any]
SIGNAL_EVERY = 5.0
"""Seconds between two ACPI signals to a guest that does not react."""
SILENT_AFTER = 20.0
"""Seconds of unanswered questions until people are told."""
_SILENT = Tell("Warning", "LauncherSilent", status.SILENCE)


def plan(seen: Observed) -> Plan:
    """The next step. After each, the world is looked at again."""
    if seen.vmi is None:
        return _without_vmi(seen)
    phase = _phase(seen.vmi)
    if not phase.final and seen.role is Role.LEFT and post_copy.needed_here(seen):
        return NOTHING
    if phase.final or seen.role is Role.LEFT:
        return _wind_up(seen)
    if (moving := _moving(seen)) is not None:
        return moving
    if seen.launcher is Launcher.DEAD:
        unheard = sudden_end.unheard_for(seen.pod, seen.dead_since, seen.now) if _died(seen) else 0.0
        return Plan(again_in=unheard) if unheard > 0 else _record_end(seen, phase)
    if seen.launcher is Launcher.UNSEEN and seen.pod is None and not phase.handed_over:
        return Plan((Forget(),))
    if seen.launcher is not Launcher.CONNECTED or seen.domain is None:
        return _connect(seen, phase)
    lost = post_copy.lost(seen) or (seen.role is Role.TAKING and migration_target.lost(seen))
    if seen.domain.over or lost:
        return _record_end(seen, phase)
    if seen.must_stop:
        return _stop(seen)
    return _run(seen, phase)


def _moving(seen: Observed) -> Plan | None:
    """The next step of a migration, None where the guest is treated like any other."""
    match seen.role:
        case Role.AWAITED:
            return migration_target.prepare(seen)
        case Role.TARGET:
            return migration_target.plan(seen)
        case Role.TAKING:
            return migration_target.take(seen)
        case Role.SOURCE:
            return migration_source.plan(seen)
        case _:
            return Plan((CloseRelay(),)) if seen.relay is not None else None


def _connect(seen: Observed, phase: Phase) -> Plan:
    assert seen.vmi is not None
    if _silent(seen) and phase is Phase.RUNNING and not status.is_unheard(seen.vmi):
        return Plan((WriteStatus(status.unheard(seen.vmi, seen.wall)), _SILENT))
    return Plan((Connect(),)) if seen.launcher is Launcher.READY else NOTHING


def _silent(seen: Observed) -> bool:
    return seen.unanswered_since is not None and seen.now - seen.unanswered_since >= SILENT_AFTER


def _phase(vmi: Json) -> Phase:
    return Phase((vmi.get("status") or {}).get("phase") or "")


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
    crashed = Tell("Warning", "Stopped", "The VirtualMachineInstance crashed.")
    stopped = Tell("Normal", "Stopped", "The VirtualMachineInstance was shut down.")
    dismissal = (Tell("Normal", "Deleted", "Signaled Deletion"),) if seen.launcher is Launcher.CONNECTED else ()
    died = (Tell("Warning", "LauncherFailed", sudden_end.cause(seen.pod)),) if _died(seen) else ()
    panicked = _panicked(seen.domain)
    told = (*dismissal, *died, *panicked, crashed) if end is Phase.FAILED else (*dismissal, stopped)
    if why := post_copy.lost(seen):
        return _record_loss(seen, why, told)
    ended = status.with_readiness(status.ended(seen.vmi, end, seen.wall), seen.pod, seen.wall)
    return Plan((WriteStatus(ended), *told))


def _record_loss(seen: Observed, why: str, told: tuple[Action, ...]) -> Plan:
    """The guest's memory was on two nodes, and a part of it is gone: with the guest its migration is over."""
    assert seen.vmi is not None
    vmi = {**seen.vmi, "status": migration_status.lost(seen.vmi, why, seen.wall)}
    ended = status.with_readiness(status.ended(vmi, Phase.FAILED, seen.wall), seen.pod, seen.wall)
    over = (migration_status.OVER_LABELS, migration_status.OVER_ANNOTATIONS)
    return Plan((WriteStatus(ended, *over), *told, Tell("Warning", migration_status.POST_COPY_FAILED, why)))


def _panicked(domain: Domain | None) -> tuple[Action, ...]:
    if domain is None or domain.panic is None:
        return ()
    return (CountPanic(*domain.panic.labels), Tell("Warning", "GuestPanicked", domain.panic.message))


def _died(seen: Observed) -> bool:
    """The launcher ended before its guest: what a dismissed launcher, or one whose guest is over, does not do."""
    return seen.launcher is Launcher.DEAD and not (seen.domain is not None and seen.domain.over)


def _stop(seen: Observed) -> Plan:
    assert seen.vmi is not None and seen.domain is not None
    if not seen.domain.alive and not post_copy.runs_ahead(seen):
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
        return _make(seen, phase)
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


def _make(seen: Observed, phase: Phase) -> Plan:
    if seen.network is Network.NONE:
        return Plan((SetUpNetwork(),))
    if (unguarded := guard.before_it_starts(seen, phase)) is not None:
        return unguarded
    return Plan((Sync(), Tell("Normal", "Created", "VirtualMachineInstance defined.")))


def _show_running(seen: Observed, phase: Phase) -> Plan:
    assert seen.vmi is not None and seen.domain is not None
    stopped = seen.domain.stopped_by_io and not seen.domain.held
    if stopped and seen.resume_at <= seen.now:
        return Plan((Tell("Warning", "IOerror", _io_error(seen.domain)), Resume()))
    vmi = seen.vmi if status.is_taken_over(seen.vmi) else {**seen.vmi, "status": status.taken_over(seen.vmi)}
    new = status.running(vmi, seen.domain, seen.addresses, seen.wall)
    if phase is Phase.SCHEDULED:
        new = status.with_readiness(new, seen.pod, seen.wall)
    if silent := _silent(seen):
        new = status.unheard({**seen.vmi, "status": new}, seen.wall)
    marked = guard.mark(seen)
    actions: tuple[Action, ...] = ()
    if marked or new != seen.vmi.get("status"):
        actions = (WriteStatus(new, annotations=marked),)
    if silent and not status.is_unheard(seen.vmi):
        actions += (_SILENT,)
    if phase is Phase.SCHEDULED:
        actions += (Tell("Normal", "Started", "VirtualMachineInstance started."),)
    access = seen.domain.access
    if access is not None and guest_agent.is_news((seen.vmi.get("status") or {}).get("conditions") or [], access):
        actions += (_let_in(access),)
    return Plan(actions, seen.resume_at - seen.now if stopped else None)


def _let_in(access: guest_agent.Access) -> Tell:
    if access.synchronized:
        return Tell("Normal", "AccessCredentialsSyncSuccess", "Access credentials sync successful.")
    return Tell("Warning", "AccessCredentialsSyncFailed", f"Access credentials sync failed: {access.message}")


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
