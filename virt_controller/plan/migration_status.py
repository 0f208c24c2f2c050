"""What virt-controller writes of a migration: into the migration itself, and once, at the hand-over, into the VMI."""

from __future__ import annotations

from typing import Any

from api.time import format_time
from virt_controller.plan.migration_policy import Manner
from virt_controller.plan.migration_world import Migration, Step
from virt_model import conditions, labels
from virt_model.conditions import TRUE, Condition, Stamp
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
ABORT_REQUESTED = "migrationAbortRequested"
REJECTED = "migrationRejectedByResourceQuota"


def moved(migration: Migration, step: Step, source_pod: str, now: float) -> Json:
    """The migration in another phase, with the moment kept."""
    old = migration.status
    stamp = {"phase": step.value, "phaseTransitionTimestamp": format_time(now)}
    status = {
        **old,
        "phase": step.value,
        "phaseTransitionTimestamps": [*(old.get("phaseTransitionTimestamps") or ()), stamp],
    }
    if step is Step.PENDING and source_pod:
        status["migrationState"] = {"sourcePod": source_pod}
    listed = [each for each in old.get("conditions") or () if each.get("type") != REJECTED]
    if "conditions" in old and step is not Step.PENDING:
        status["conditions"] = listed
    return {**migration.raw, "status": status}


def rejected(migration: Migration, message: str, now: float) -> Json:
    """The target's pod was not accepted."""
    claim = Condition(type=REJECTED, status=TRUE, reason="FailedCreate", message=message, stamp=Stamp.PROBED)
    listed = conditions.put(migration.conditions, claim, format_time(now))
    return {**migration.raw, "status": {**migration.status, "conditions": list(listed)}}


def called_off(migration: Migration, now: float) -> Json:
    """Deleted before the hand-over."""
    listed = [
        *migration.conditions,
        {"type": ABORT_REQUESTED, "status": TRUE, "lastProbeTime": format_time(now), "lastTransitionTime": None},
    ]
    ended: Json = moved(migration, Step.FAILED, "", now)
    return {**ended, "status": {**ended["status"], "conditions": listed}}


def handed_over(migration: Migration, vmi: Vmi, source: Pod, target: Pod, manner: Manner) -> Json:
    """The VMI's `migrationState` at its beginning."""
    overhead = int(target.annotations.get(labels.MEMORY_OVERHEAD) or 0)
    return {
        "migrationUid": migration.uid,
        "sourceNode": vmi.node,
        "sourcePod": source.name,
        "targetNode": target.node,
        "targetPod": target.name,
        "targetMemoryOverhead": f"{overhead // 1024}Ki",
        "migrationConfiguration": manner.settings.as_status(),
        **({"migrationPolicyName": manner.policy} if manner.policy else {}),
    }


def reached(state: Json) -> Step:
    """The phase that the agents' words in the VMI amount to."""
    if state.get("startTimestamp") or state.get("completed"):
        return Step.RUNNING
    return Step.READY if state.get("targetNodeAddress") else Step.PREPARING


def given_up(migration: Migration, vmi: Vmi, source: Pod | None, target: Pod | None) -> Json:
    """The VMI's `migrationState` of a migration that no agent was ever told of."""
    named = {
        "sourceNode": vmi.node, "sourcePod": source.name if source else "",
        "targetNode": target.node if target else "", "targetPod": target.name if target else "",
    }  # fmt: skip
    return {"migrationUid": migration.uid, **{key: value for key, value in named.items() if value}}


def was_handed_over(state: Json) -> bool:
    """Whether the agents were told of it."""
    return "migrationConfiguration" in state


def failed_state(state: Json, reason: str, now: float) -> Json:
    return {**state, "completed": True, "failed": True, "failureReason": reason, "endTimestamp": format_time(now)}


def without_answer(vmi: Vmi) -> Json:
    """The VMI's metadata without the word of a target's agent that its launcher answers."""
    if labels.TARGET_ANSWERS not in vmi.annotations:
        return vmi.metadata
    kept = {key: value for key, value in vmi.annotations.items() if key != labels.TARGET_ANSWERS}
    return {**vmi.metadata, "annotations": kept}
