"""Conditions as values: which ones there are, and how a list of them is changed without touching the others.

A list of conditions is kept in its wire form, so that conditions and fields that we do not know survive. Nothing here
mutates: each function gives the same list back when nothing changes, which is how callers see that nothing has to be
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

Wire = Mapping[str, Any]
Conditions = Sequence[Wire]


class Type(StrEnum):
    """Condition types of VMs and VMIs."""

    READY = "Ready"
    SYNCHRONIZED = "Synchronized"
    PROVISIONING = "Provisioning"
    PAUSED = "Paused"
    AGENT_CONNECTED = "AgentConnected"
    AGENT_VERSION_NOT_SUPPORTED = "AgentVersionNotSupported"
    ACCESS_CREDENTIALS_SYNCHRONIZED = "AccessCredentialsSynchronized"
    LIVE_MIGRATABLE = "LiveMigratable"
    STORAGE_LIVE_MIGRATABLE = "StorageLiveMigratable"
    HOT_VCPU_CHANGE = "HotVCPUChange"
    HOT_MEMORY_CHANGE = "HotMemoryChange"
    VOLUMES_CHANGE = "VolumesChange"
    DATA_VOLUMES_READY = "DataVolumesReady"
    MIGRATION_REQUIRED = "MigrationRequired"
    EVICTION_REQUESTED = "EvictionRequested"
    POD_SCHEDULED = "PodScheduled"
    FAILURE = "Failure"
    RESTART_REQUIRED = "RestartRequired"
    MANUAL_RECOVERY_REQUIRED = "ManualRecoveryRequired"
    NODE_LOST = "NodeLost"  # ours


class Stamp(StrEnum):
    """Which of its two times a condition carries; the other is null."""

    TRANSITION = "transition"
    PROBED = "probed"  # both times
    NEITHER = "neither"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What is claimed; the times are added when it is put into a list."""

    type: str
    status: str  # True, False, Unknown
    reason: str = ""
    message: str = ""
    stamp: Stamp = Stamp.TRANSITION


TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"


def find(conditions: Conditions, type_: str) -> Wire | None:
    return next((each for each in conditions if each.get("type") == type_), None)


def is_true(conditions: Conditions, type_: str) -> bool:
    return status_of(conditions, type_) == TRUE


def is_false(conditions: Conditions, type_: str) -> bool:
    return status_of(conditions, type_) == FALSE


def is_unknown(conditions: Conditions, type_: str) -> bool:
    return status_of(conditions, type_) == UNKNOWN


def status_of(conditions: Conditions, type_: str) -> str:
    """True, False, Unknown, or "" when the condition is not there."""
    found = find(conditions, type_)
    return str(found.get("status", "")) if found else ""


def reason_of(conditions: Conditions, type_: str) -> str:
    found = find(conditions, type_)
    return str(found.get("reason") or "") if found else ""


def same(one: Wire, other: Wire) -> bool:
    """Whether two conditions claim the same; times do not count."""
    return all((one.get(key) or "") == (other.get(key) or "") for key in ("type", "status", "reason", "message"))


def put(conditions: Conditions, claim: Condition, now: str) -> Conditions:
    """The list with `claim` in it, in the place of what it replaces, else last. `now` is RFC 3339."""
    old = find(conditions, claim.type)
    new = _wire(claim, old, now)
    if old is None:
        return [*conditions, new]
    if same(old, new):
        return conditions
    return [new if each is old else each for each in conditions]


def copy_in(conditions: Conditions, condition: Wire) -> Conditions:
    """The list with another object's condition in it, times and all."""
    old = find(conditions, str(condition.get("type")))
    new = {"lastProbeTime": None, "lastTransitionTime": None, **condition}
    if old is None:
        return [*conditions, new]
    if same(old, new):
        return conditions
    return [new if each is old else each for each in conditions]


def drop(conditions: Conditions, *types: str) -> Conditions:
    """The list without those types."""
    kept = [each for each in conditions if each.get("type") not in types]
    return kept if len(kept) != len(conditions) else conditions


def _wire(claim: Condition, old: Wire | None, now: str) -> dict[str, Any]:
    moved = old is None or old.get("status") != claim.status
    transition = now if moved else (old or {}).get("lastTransitionTime")
    body: dict[str, Any] = {
        "type": claim.type,
        "status": claim.status,
        "lastProbeTime": now if claim.stamp is Stamp.PROBED else None,
        "lastTransitionTime": None if claim.stamp is Stamp.NEITHER else transition,
    }
    if claim.reason:
        body["reason"] = claim.reason
    if claim.message:
        body["message"] = claim.message
    return body
