"""A guest that must end when its node is cut off does not run before its watchdog is wound up. Pure.

Whether it is one is decided when it starts here, and kept: the watchdog cannot be taken off.
"""

from __future__ import annotations

from typing import Any, Final

from virt_handler.plan import status
from virt_handler.plan.steps import Observed, Plan, Tell, Wind, WriteStatus
from virt_model.node_lease import GUARDED, is_guarded
from virt_model.phases import Phase
from virt_model.runner import runner_of

Json = dict[str, Any]
LOOK_AGAIN: Final = 1.0
WAITS: Final = (
    "the guest is to be self-fencing, and its node does not hold its lease: virt-handler there cannot renew it in the"
    " API, or has just begun"
)


def before_it_comes(seen: Observed) -> Plan | None:
    """What must be done before a guest may come here; None where it may. Done early, it costs no downtime."""
    assert seen.domain is not None
    if not seen.guard.wanted or seen.domain.guarded:
        return None
    return Plan((Wind(),)) if seen.guard.holds else Plan((), LOOK_AGAIN)


def before_it_starts(seen: Observed, phase: Phase) -> Plan | None:
    """The same of one that is to be started; who waits for it is told why."""
    assert seen.vmi is not None
    unguarded = before_it_comes(seen)
    if unguarded is None or unguarded.actions:
        return unguarded
    waiting = status.out_of_sync(seen.vmi, WAITS, seen.wall)
    if not phase.handed_over or waiting == seen.vmi.get("status"):
        return Plan((), LOOK_AGAIN)
    return Plan((WriteStatus(waiting), Tell("Warning", "NodeLeaseNotHeld", WAITS)), LOOK_AGAIN)


def mark(seen: Observed) -> dict[str, str | None]:
    """The annotation that says whether a watchdog holds the guest, as far as it must change."""
    assert seen.vmi is not None and seen.domain is not None
    if seen.domain.guarded == is_guarded(seen.vmi):
        return {}
    return {GUARDED: str(runner_of(seen.vmi).epoch) if seen.domain.guarded else None}
