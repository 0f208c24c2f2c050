"""A guest that shall leave its node, and has not: its migration waits or fails, or it cannot move at all."""

from __future__ import annotations

from typing import Final

from virt_model import conditions, eviction
from virt_model.conditions import Type
from virt_model.eviction import Fate
from virt_model.phases import Phase
from virtctl.plan.why.case import Case, Cause, Link, lasted, message_of, said_by

RECENT: Final = 600.0
"""Seconds for which a denied eviction counts: a drain asks every five."""


def leaving(case: Case) -> Cause | None:
    """An eviction was asked for and waits for the guest to be elsewhere."""
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.RUNNING or not eviction.leaving(vmi):
        return None
    found = conditions.find(vmi.conditions, Type.EVICTION_REQUESTED)
    told = case.told("VirtualMachineInstance", "MigrationBackoff", "FailedCreate")
    troubled = told is not None and case.now - told.at < RECENT
    return Cause(
        at=Link.NODE,
        waits=f"is to leave node {vmi.node}, and {_awaits(case)}",
        says=told.message if troubled and told is not None else message_of(found) if found is not None else "",
        said_by=f"event {told.reason}" if troubled and told is not None else said_by(found, "VMI") if found else "",
        details=_earlier(case),
        do=(
            f"see its migrations: {case.command} get vmim -l kubevirt.io/vmi-name={vmi.name}",
            f"or let it stay: virtctl -n {case.namespace} evacuate-cancel vmi {vmi.name}",
        ),
    )


def _awaits(case: Case) -> str:
    assert case.vmi is not None
    if eviction.fate(case.vmi, "") is Fate.IS_MOVED:
        return "waits for whoever moves it: its eviction strategy is External"
    return "waits for its migration"


def _earlier(case: Case) -> tuple[str, ...]:
    """How the last migration ended, if it failed."""
    assert case.vmi is not None
    state = case.vmi.status.get("migrationState") or {}
    return (f"the last migration failed: {state['failureReason']}",) if state.get("failureReason") else ()


def held_up(case: Case) -> Cause | None:
    """An eviction was denied because the guest cannot move: whoever drains the node waits for its owner."""
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.RUNNING or eviction.fate(vmi, "") is not Fate.STAYS:
        return None
    told = case.told("VirtualMachineInstance", "FailedEvict")
    if told is None or case.now - told.at > RECENT:
        return None
    found = case.is_false(Type.LIVE_MIGRATABLE)
    why = message_of(found) if found is not None else "nothing says yet that it can be migrated"
    return Cause(
        at=Link.NODE,
        waits=f"holds up the drain of node {vmi.node}: it shall be migrated, and cannot be",
        says=told.message,
        said_by=f"event FailedEvict, {lasted(case.now - told.at)} ago",
        details=(why,),
        do=(
            f"stop it, and start it when the node is back: virtctl -n {case.namespace} stop {vmi.name}",
            f"or let it be restarted elsewhere: {case.spec_path}.evictionStrategy: LiveMigrateIfPossible,"
            " which holds from its next start",
        ),
    )
