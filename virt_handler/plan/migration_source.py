"""The source of a migration: first match wins; None where the guest is treated like any other. Pure.

situation                                     what is done
────────────────────────────────────────────  ─────────────────────────────────────────────────────────────
guest ended here by having moved              hand over
launcher proven dead                          like any dead launcher: its guest may have gone on after a break
it is switched: post-copy                     hand over; from then on see `post_copy`
it was switched, and that broke               None: it is the guest's end
the move failed, or was given up              say so; the guest goes on here
the target does not listen yet                –
not begun                                     open the way, start stamp, then tell the launcher: in this order
an abort is asked for                         give it up
its end is asked for, whatever it costs       let the guest stand still, or be switched
the guest stands still for it                 say so
it goes on                                    now and then, say how far it has come
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from virt_handler.plan import migration_status, post_copy, status
from virt_handler.plan.domain import Domain, Migration, Stage
from virt_handler.plan.migration_role import Move, move_of
from virt_handler.plan.steps import (
    AbortMigration,
    CloseRelay,
    CompleteMigration,
    HandOver,
    Launcher,
    Migrate,
    Observed,
    OpenRelay,
    Plan,
    Tell,
    WriteStatus,
)
from virt_model import migration_progress
from virt_model.seen import seconds

ABORTED: Final = "Live migration has been aborted"


def plan(seen: Observed) -> Plan | None:
    """The next step of a guest that is to leave."""
    assert seen.vmi is not None
    move = move_of(seen.vmi)
    assert move is not None
    domain, report = seen.domain, _report(seen, move)
    if domain is not None and domain.over:
        return _hand_over(seen, domain, report) if domain.migrated else None
    if seen.launcher is not Launcher.CONNECTED or domain is None or not domain.alive:
        return None
    if report is not None and report.stage is Stage.SWITCHED:
        return _hand_over(seen, domain, report)
    if post_copy.lost(seen):
        return None
    if report is not None and report.stage is Stage.FAILED:
        return _failed(seen, move, ABORTED if report.aborted else _why(seen, report), aborted=report.aborted)
    if report is None:
        return _begin(seen, move)
    if move.abort_requested:
        return _give_up(seen, move, report)
    return _stand_still(seen, move, report) or _show_progress(seen, move, report)


def _report(seen: Observed, move: Move) -> Migration | None:
    """What the launcher says of this migration."""
    report = seen.domain.migration if seen.domain is not None else None
    return report if report is not None and report.migration_uid == move.uid else None


def _hand_over(seen: Observed, domain: Domain, report: Migration | None) -> Plan:
    """The guest has ended here, or can never run here again."""
    assert seen.vmi is not None
    told = status.handed_over(seen.vmi, domain, seen.wall)
    if report is not None and report.post_copy:
        told = migration_status.switched(told)
    return Plan((HandOver(told, migration_status.frozen_until(domain)),))


def _begin(seen: Observed, move: Move) -> Plan | None:
    assert seen.vmi is not None
    if move.abort_requested and not move.started:
        return _failed(seen, move, ABORTED, aborted=True)
    if not move.port or seen.retry_at > seen.now:
        return None
    if seen.problem:
        return _failed(seen, move, seen.problem, aborted=False)
    if seen.relay is None or seen.relay.migration_uid != move.uid:
        return Plan((OpenRelay(),))
    if not move.started:
        told = Tell("Normal", "Migrating", "VirtualMachineInstance is migrating.")
        return Plan((WriteStatus(migration_status.started(seen.vmi, seen.wall)), told))
    return Plan((Migrate(),))


def _why(seen: Observed, report: Migration) -> str:
    """libvirt knows nothing of the way between the nodes: where that could not be made, it only sees an end."""
    problem = seen.relay.problem if seen.relay is not None else ""
    return f"{problem} ({report.error})" if problem else report.error


def _give_up(seen: Observed, move: Move, report: Migration) -> Plan | None:
    assert seen.vmi is not None
    if not move.abort_status:
        return Plan((WriteStatus(migration_status.aborting(seen.vmi)),))
    return None if report.aborted else Plan((AbortMigration(),))


def _stand_still(seen: Observed, move: Move, report: Migration) -> Plan | None:
    assert seen.vmi is not None
    if report.stage is not Stage.SENDING:
        return None
    if not report.standing:  # nor switched, or the stage would be another one
        return Plan((CompleteMigration(),)) if move.forced and seen.retry_at <= seen.now else None
    if move.mode == migration_status.STANDING:
        return None
    told = Tell("Normal", "Migrating", "The guest stands still until it has moved.")
    return Plan((WriteStatus(migration_status.standing(seen.vmi)), told))


def _show_progress(seen: Observed, move: Move, report: Migration) -> Plan | None:
    """Now and then; how it was last is read from the VMI, so that an agent that starts anew writes no more often."""
    assert seen.vmi is not None
    if report.stage is not Stage.SENDING or report.progress is None:
        return None
    shown = migration_progress.progress_of(seen.vmi, move.uid)
    last, now = seconds(shown.at if shown is not None else move.started), seconds(seen.wall)
    if last is None or now is None or now - last < migration_progress.EVERY:
        return None
    text = migration_progress.encoded(structs.replace(report.progress, at=seen.wall))
    same = seen.vmi.get("status") or {}
    return Plan((WriteStatus(same, annotations={migration_progress.ANNOTATION: text}),))


def _failed(seen: Observed, move: Move, reason: str, *, aborted: bool) -> Plan:
    assert seen.vmi is not None
    new = migration_status.failed(seen.vmi, reason, seen.wall, aborted=aborted)
    text = f"VirtualMachineInstance migration uid {move.uid} failed. reason:{reason}"
    over = (migration_status.OVER_LABELS, migration_status.OVER_ANNOTATIONS)
    return Plan((CloseRelay(), WriteStatus(new, *over), Tell("Warning", "Migrated", text)))
