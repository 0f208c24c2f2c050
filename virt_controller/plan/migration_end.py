"""How a migration ends: its outcome, its calling-off, and what is tidied up after it."""

from __future__ import annotations

from typing import Any, Final

from virt_controller.plan import migration_status
from virt_controller.plan import migration_steps as steps
from virt_controller.plan.actions import SETTLED, Action, Delete, Event, Kind, Patch, Plan
from virt_controller.plan.migration_world import MigrationWorld, Step
from virt_controller.plan.patch import tested
from virt_model import labels
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
KEPT: Final = 5
"""Finished migrations of one VMI; older ones are deleted."""


def outcome(world: MigrationWorld, state: Json) -> Action:
    about = world.migration.raw
    if not state.get("failed"):
        text = "Source node reported migration succeeded"
        return steps.move(
            world, Step.SUCCEEDED, "it is over", Event(about=about, reason="SuccessfulMigration", message=text)
        )
    text = "source node reported migration failed"
    if not migration_status.was_handed_over(state):
        text = f"Migration failed: {state.get('failureReason')}"
    told = Event(about=about, type="Warning", reason="FailedMigration", message=text)
    return steps.move(world, Step.FAILED, "it has failed", told)


def called_off(world: MigrationWorld) -> Plan:
    """Deleted before the agents knew of it: its pod goes, then it."""
    if (target := world.target) is not None and not target.deleting and not target.finished:
        text = f"migration canceled and pod {target.namespace}/{target.name} is deleted"
        gone = Event(about=world.migration.raw, reason="SuccessfulDelete", message=text)
        return Plan(action=steps.delete_pod(target, "the migration is called off", gone))
    told = Event(
        about=world.migration.raw, type="Warning", reason="FailedMigration",
        message="Migration failed due to being canceled",
    )  # fmt: skip
    new = migration_status.called_off(world.migration, world.now)
    return steps.in_live_world(world, steps.patch(world, new, "called off", told))


def ended(world: MigrationWorld) -> Plan:
    migration = world.migration
    state = world.state
    if state is not None and state.get("completed") and migration.status.get("migrationState") != state:
        new = {**migration.raw, "status": {**migration.status, "migrationState": state}}
        return Plan(action=steps.patch(world, new, "keep how it went"))
    if world.vmi is not None and world.vmi.annotations.get(labels.TARGET_ANSWERS) == migration.uid:
        return steps.in_live_world(world, _forget_the_answer(world.vmi))
    target = world.target
    if target is not None and migration.step is Step.FAILED and not target.deleting and _is_nobodys(world, target):
        return steps.in_live_world(world, steps.delete_pod(target, "the migration has failed"))
    if labels.MIGRATION_FINALIZER in migration.finalizers:
        kept = [each for each in migration.finalizers if each != labels.MIGRATION_FINALIZER]
        metadata = {**migration.metadata, "finalizers": kept}
        return Plan(action=steps.patch(world, {**migration.raw, "metadata": metadata}, "it is over", door=""))
    return _tidy_up(world)


def _forget_the_answer(vmi: Vmi) -> Action:
    """Of a target whose migration was never handed over."""
    ops = tested(vmi.raw, {**vmi.raw, "metadata": migration_status.without_answer(vmi)})
    why = "its migration is over"
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why)


def _is_nobodys(world: MigrationWorld, target: Pod) -> bool:
    """Whether no agent ends a target's launcher: it was never handed over, or does not run yet. Never the runner's."""
    if target == world.source:
        return False
    handed_over = world.vmi is not None and target.uid in (world.vmi.status.get("activePods") or {})
    return target.phase == "Pending" or not (target.finished or handed_over)


def _tidy_up(world: MigrationWorld) -> Plan:
    """The oldest finished migrations of the VMI go, all but some."""
    migration = world.migration
    finished = sorted(
        (other for other in (*world.others, migration)
         if other.step.final and other.vmi_name == migration.vmi_name and other.namespace == migration.namespace),
        key=lambda other: other.born,
    )  # fmt: skip
    for old in finished[:-KEPT]:
        if not old.deleting and old.uid != migration.uid:
            return Plan(
                action=Delete(
                    kind=Kind.MIGRATION, namespace=old.namespace, name=old.name, uid=old.uid,
                    why=f"{KEPT} newer ones are kept",
                )
            )  # fmt: skip
    return SETTLED
