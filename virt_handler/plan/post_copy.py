"""A guest whose memory is on two nodes: it runs at the target, and what it lacks is still at the source. Pure.

From the switch on the guest can never run at the source again: QEMU there refuses, libvirt says `postcopy`. So the
source hands over then, and keeps what it has until the target has fetched it. When either side is lost meanwhile, the
guest is: nobody goes on with a part of it.
"""

from __future__ import annotations

from virt_handler.plan.domain import Migration, Stage
from virt_handler.plan.migration_role import Role, move_of
from virt_handler.plan.migration_status import POST_COPY
from virt_handler.plan.steps import Launcher, Observed

TARGET_DOWN = "the launcher of the target has ended before it had all of the guest's memory"


def needed_here(seen: Observed) -> bool:
    """Whether what stands here is the rest of a guest that runs elsewhere and fetches its memory."""
    report = _report(seen)
    return seen.launcher is Launcher.CONNECTED and report is not None and report.stage is Stage.SWITCHED


def runs_ahead(seen: Observed) -> bool:
    """Whether the guest runs here while the rest of its memory is coming."""
    report = _report(seen)
    return report is not None and report.stage is Stage.FETCHING


def lost(seen: Observed) -> str:
    """Why the guest is lost, where that is because its memory was on two nodes; "" where it is not."""
    move, report = move_of(seen.vmi) if seen.vmi is not None else None, _report(seen)
    if move is None or not move.under_way:
        return ""
    if seen.role is Role.SOURCE:
        split = report is not None and report.post_copy and report.stage is Stage.FAILED
        return report.error if report is not None and split else ""
    if seen.role is not Role.TAKING or move.mode != POST_COPY or move.ended:
        return ""
    if seen.launcher is Launcher.DEAD:
        return TARGET_DOWN
    return report.error if report is not None and report.stage is Stage.FAILED else ""


def _report(seen: Observed) -> Migration | None:
    """What the launcher here says of the migration under way."""
    move = move_of(seen.vmi) if seen.vmi is not None else None
    report = seen.domain.migration if seen.domain is not None else None
    if move is None or report is None or not move.under_way or report.migration_uid != move.uid:
        return None
    return report
