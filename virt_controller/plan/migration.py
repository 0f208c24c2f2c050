"""The migration controller: one migration, its VMI and the two pods in, the next step out.

```
 Pending          ─ its turn ─► create the target's pod ─► Scheduling
 Scheduling       ─ the pod's compute container runs ─► Scheduled;  cannot be placed, takes too long, ended ─► Failed
 Scheduled        ─ hand over to the agents: migrationState and label of the VMI ─► PreparingTarget
 PreparingTarget  ─ the target's agent listens ─► TargetReady ─ the source's has begun ─► Running
 any of these     ─ the agents say that it is over ─► Succeeded, Failed ─► keep a copy, let go, tidy up
 deleted          ─► before the hand-over: take the pod away, Failed; afterwards: ask the agents to give it up
```
Who runs the guest is decided by the agents alone, see `docs/design/2026-11-26-live-migration.md`.
"""

from __future__ import annotations

from typing import Any, Final

from virt_controller.plan import migration_backoff, migration_pod, migration_status, patch
from virt_controller.plan.actions import SETTLED, Action, Create, Delete, Event, Kind, Patch, Plan, Question
from virt_controller.plan.migration_world import ACTIVE, Migration, MigrationWorld, Step
from virt_model import conditions, labels
from virt_model.conditions import Type
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
UNSCHEDULABLE_SECONDS: Final = 300.0
PENDING_SECONDS: Final = 900.0
KEPT: Final = 5
"""Finished migrations of one VMI; older ones are deleted."""
WITH_THE_AGENTS: Final = (Step.PREPARING, Step.READY, Step.RUNNING)
"""Handed over: the VMI tells of it, and a VMI that does not is an old one, or tells of another."""
UNSCHEDULABLE_ANNOTATION: Final = "kubevirt.io/migrationUnschedulablePodTimeoutSeconds"
PENDING_ANNOTATION: Final = "kubevirt.io/migrationPendingPodTimeoutSeconds"
WAIT_FOR_TURN: Final = {0: 1.0, 1: 3.0, 2: 5.0}
"""Seconds until one that waits looks again, by priority."""


def plan(world: MigrationWorld) -> Plan:
    """The next step for one migration."""
    migration = world.migration
    if migration.deleting and labels.MIGRATION_FINALIZER not in migration.finalizers:
        return SETTLED  # nothing of ours holds it any more
    if migration.step.final:
        return _ended(world)
    if world.vmi is None or world.vmi.phase.final or world.vmi.deleting:
        return _in_live_world(world, _fail(world, "its VMI has ended"))
    if (state := world.state) is not None:
        return _handed_over(world, world.vmi, state)
    if migration.step in WITH_THE_AGENTS:
        return _in_live_world(world, _fail(world, "its VMI is in another migration"))
    if migration.deleting:
        return _called_off(world)
    if migration.step is Step.NEW:
        return Plan(action=_move(world, Step.PENDING, "a new migration"))
    if migration.step is Step.PENDING:
        return _pending(world, world.vmi)
    return _scheduling(world, world.vmi)


def _pending(world: MigrationWorld, vmi: Vmi) -> Plan:
    if (target := world.target) is not None:
        text = f"Created migration target pod {target.name}"
        created = Event(about=world.migration.raw, reason="SuccessfulCreate", message=text)
        return Plan(action=_move(world, Step.SCHEDULING, "the target's pod exists", created))
    if world.refusal is not None:
        return _refused(world)
    if conditions.is_false(vmi.conditions, Type.LIVE_MIGRATABLE) or world.source is None or not vmi.node:
        return _in_live_world(world, _fail(world, "its VMI cannot be migrated"))
    if (wait := migration_backoff.left(world.migration, world.others, world.now)) > 0:
        text = f"backoff migrating vmi {vmi.namespace}/{vmi.name}"
        told = Event(about=vmi.raw, type="Warning", reason="MigrationBackoff", message=text)
        return Plan(again_in=wait, events=(told,))
    if not _its_turn(world, vmi):
        return Plan(again_in=WAIT_FOR_TURN[world.migration.turn[0]])
    if not world.live:
        return Plan(ask=Question.LIVE)
    pod = migration_pod.render(world, vmi)
    return Plan(action=Create(kind=Kind.POD, body=pod, why="a migration needs its target"))


def _its_turn(world: MigrationWorld, vmi: Vmi) -> bool:
    """Whether the limits allow one more, and nobody with an earlier turn waits for the same room or the same guest."""
    active = [other for other in world.others if other.step in ACTIVE]
    of_this_guest = [each for each in world.others if each.vmi_name == vmi.name and each.namespace == vmi.namespace]
    if any(other.step in ACTIVE or _waits_before(other, world.migration) for other in of_this_guest):
        return False
    limits = world.config.migrations
    if len(active) >= limits.parallel_per_cluster:
        return False
    outbound = sum(world.nodes_of.get(other.uid) == vmi.node for other in active)
    if outbound >= limits.parallel_outbound_per_node:
        return False
    waiting = [
        other for other in world.others if _waits_before(other, world.migration) and not _backs_off(world, other)
    ]
    room = limits.parallel_per_cluster - len(active)
    here = sum(world.nodes_of.get(other.uid) == vmi.node for other in waiting)
    return len(waiting) < room and here < limits.parallel_outbound_per_node - outbound


def _waits_before(other: Migration, migration: Migration) -> bool:
    return other.step in (Step.NEW, Step.PENDING) and not other.deleting and other.turn < migration.turn


def _backs_off(world: MigrationWorld, other: Migration) -> bool:
    """One that waits for its own failures keeps no room from others."""
    return migration_backoff.left(other, world.others, world.now) > 0


def _refused(world: MigrationWorld) -> Plan:
    """The pod was not accepted: most often a quota. Say so, and try again with growing pauses."""
    assert world.refusal is not None
    new = migration_status.rejected(world.migration, world.refusal.message, world.now)
    action = _patch(world, new, "the target's pod is refused")
    return Plan(action=action) if action.ops else Plan(refused=True)


def _scheduling(world: MigrationWorld, vmi: Vmi) -> Plan:
    target = world.target
    if target is None or target.finished or target.deleting:
        return _in_live_world(world, _fail(world, "Target pod is down"))
    if world.migration.step is Step.SCHEDULED:
        return _hand_over(world, vmi, target)
    if target.compute_running:
        return Plan(action=_move(world, Step.SCHEDULED, "the target's launcher runs"))
    age = world.now - (target.created_at or world.now)
    stuck = _unschedulable(target)
    limit = _seconds(world.migration, UNSCHEDULABLE_ANNOTATION, UNSCHEDULABLE_SECONDS) if stuck else None
    longest = _seconds(world.migration, PENDING_ANNOTATION, PENDING_SECONDS)
    left = min(longest, longest if limit is None else limit) - age
    if left <= 0:
        return _in_live_world(world, _fail(world, "the target's pod did not start in time"))
    return Plan(again_in=left, events=(_told_of_no_place(world, vmi),) if stuck else ())


def _told_of_no_place(world: MigrationWorld, vmi: Vmi) -> Event:
    text = f"Migration target pod for VMI [{vmi.namespace}/{vmi.name}] is currently unschedulable."
    return Event(about=world.migration.raw, type="Warning", reason="migrationTargetPodUnschedulable", message=text)


def _unschedulable(pod: Pod) -> bool:
    found = pod.conditions
    return conditions.is_false(found, "PodScheduled") and conditions.reason_of(found, "PodScheduled") == "Unschedulable"


def _seconds(migration: Migration, annotation: str, default: float) -> float:
    text = migration.annotations.get(annotation, "")
    return float(text) if text.isdecimal() else default


def _hand_over(world: MigrationWorld, vmi: Vmi, target: Pod) -> Plan:
    """The VMI is the agents': they see who is source and who target, and begin. One migration at a time: it is written
    into the very VMI that was looked at, and only when the one before is over.
    """
    if not world.live:
        return Plan(ask=Question.LIVE)
    before = vmi.status.get("migrationState") or {}
    if before.get("migrationUid") and not before.get("completed"):
        return Plan(again_in=WAIT_FOR_TURN[1])
    if world.source is None:
        return Plan(action=_fail(world, "its guest is not where it was"))
    if world.manner is None:
        return Plan(ask=Question.MANNER)
    state = migration_status.handed_over(world.migration, vmi, world.source, target, world.manner)
    status = {
        **vmi.status,
        "migrationState": state,
        "activePods": {**(vmi.status.get("activePods") or {}), target.uid: target.node},
    }
    metadata = {**vmi.metadata, "labels": {**vmi.labels, labels.MIGRATION_TARGET_NODE_NAME: target.node}}
    ops = patch.pinned(vmi.raw, {**vmi.raw, "metadata": metadata, "status": status})
    text = "Migration target pod is ready for preparation by virt-handler."
    told = Event(about=world.migration.raw, reason="SuccessfulHandOver", message=text)
    why = "hand the migration over"
    return Plan(action=Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why, events=(told,)))


def _handed_over(world: MigrationWorld, vmi: Vmi, state: Json) -> Plan:
    if state.get("completed"):
        return Plan(action=_outcome(world, state))
    if world.migration.deleting and not state.get("abortRequested"):
        return Plan(action=_patch_state(vmi, {**state, "abortRequested": True}, "an abort is asked for"))
    if world.migration.forced and vmi.annotations.get(labels.FORCE_COMPLETE) != world.migration.uid:
        return Plan(action=_force(world.migration, vmi))
    reached = migration_status.reached(state)
    if reached is not world.migration.step and _later(reached, world.migration.step):
        return Plan(action=_move(world, reached, "the agents have come this far"))
    target = world.target
    if not state.get("startTimestamp") and (target is None or target.finished):
        return _without_target(world, vmi, state)
    return SETTLED


def _without_target(world: MigrationWorld, vmi: Vmi, state: Json) -> Plan:
    """Nothing has begun: it ends here, unless the source's agent begins in the same moment."""
    if not world.live:
        return Plan(ask=Question.LIVE)
    over = migration_status.failed_state(state, "Target pod is down", world.now)
    return Plan(action=_patch_state(vmi, over, "the target is down"))


def _force(migration: Migration, vmi: Vmi) -> Action:
    annotations = {**vmi.annotations, labels.FORCE_COMPLETE: migration.uid}
    new = {**vmi.raw, "metadata": {**vmi.metadata, "annotations": annotations}}
    ops = patch.tested(vmi.raw, new, ("/status/migrationState",))
    why = "its end is asked for, whatever it costs"
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why)


def _patch_state(vmi: Vmi, state: Json, why: str) -> Action:
    new = {**vmi.raw, "status": {**vmi.status, "migrationState": state}}
    if state.get("completed"):
        kept = {key: value for key, value in vmi.labels.items() if key != labels.MIGRATION_TARGET_NODE_NAME}
        new["metadata"] = {**vmi.metadata, "labels": kept}
    ops = patch.tested(vmi.raw, new, ("/status/migrationState",))
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why)


def _later(new: Step, old: Step) -> bool:
    order = list(Step)
    return order.index(new) > order.index(old)


def _outcome(world: MigrationWorld, state: Json) -> Action:
    about = world.migration.raw
    if not state.get("failed"):
        text = "Source node reported migration succeeded"
        return _move(
            world, Step.SUCCEEDED, "it is over", Event(about=about, reason="SuccessfulMigration", message=text)
        )
    told = Event(about=about, type="Warning", reason="FailedMigration", message="source node reported migration failed")
    return _move(world, Step.FAILED, "it has failed", told)


def _called_off(world: MigrationWorld) -> Plan:
    """Deleted before the agents knew of it: its pod goes, then it."""
    if (target := world.target) is not None and not target.deleting and not target.finished:
        text = f"migration canceled and pod {target.namespace}/{target.name} is deleted"
        gone = Event(about=world.migration.raw, reason="SuccessfulDelete", message=text)
        return Plan(action=_delete_pod(target, "the migration is called off", gone))
    told = Event(
        about=world.migration.raw, type="Warning", reason="FailedMigration",
        message="Migration failed due to being canceled",
    )  # fmt: skip
    new = migration_status.called_off(world.migration, world.now)
    return _in_live_world(world, _patch(world, new, "called off", told))


def _ended(world: MigrationWorld) -> Plan:
    migration = world.migration
    state = world.state
    if state is not None and state.get("completed") and migration.status.get("migrationState") != state:
        new = {**migration.raw, "status": {**migration.status, "migrationState": state}}
        return Plan(action=_patch(world, new, "keep how it went"))
    target = world.target
    if target is not None and migration.step is Step.FAILED and not target.deleting and _is_nobodys(world, target):
        return Plan(action=_delete_pod(target, "the migration has failed"))
    if labels.MIGRATION_FINALIZER in migration.finalizers:
        kept = [each for each in migration.finalizers if each != labels.MIGRATION_FINALIZER]
        metadata = {**migration.metadata, "finalizers": kept}
        return Plan(action=_patch(world, {**migration.raw, "metadata": metadata}, "it is over", door=""))
    return _tidy_up(world)


def _is_nobodys(world: MigrationWorld, target: Pod) -> bool:
    """Whether no agent ends a target's launcher: it was never handed over, or does not run yet."""
    handed_over = world.vmi is not None and target.uid in (world.vmi.status.get("activePods") or {})
    return target.phase == "Pending" or not (target.finished or handed_over)


def _tidy_up(world: MigrationWorld) -> Plan:
    """The oldest finished migrations of the VMI go, all but some."""
    migration = world.migration
    finished = sorted(
        (other for other in (*world.others, migration)
         if other.step.final and other.vmi_name == migration.vmi_name and other.namespace == migration.namespace),
        key=lambda other: (other.created_at or 0.0, other.uid),
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


def _delete_pod(pod: Pod, why: str, *events: Event) -> Action:
    return Delete(kind=Kind.POD, namespace=pod.namespace, name=pod.name, uid=pod.uid, why=why, events=events)


def _move(world: MigrationWorld, step: Step, why: str, *events: Event) -> Action:
    source = world.source
    return _patch(
        world, migration_status.moved(world.migration, step, source.name if source else "", world.now), why, *events
    )


def _fail(world: MigrationWorld, why: str) -> Action:
    text = f"Migration failed: {why}"
    told = Event(about=world.migration.raw, type="Warning", reason="FailedMigration", message=text)
    return _move(world, Step.FAILED, why, told)


def _patch(world: MigrationWorld, new: Json, why: str, *events: Event, door: str = "status") -> Patch:
    """Status and metadata go through doors of their own."""
    migration = world.migration
    ops = patch.pinned(migration.raw, new)
    return Patch(
        kind=Kind.MIGRATION, namespace=migration.namespace, name=migration.name, ops=ops, why=why, subresource=door,
        events=events,
    )  # fmt: skip


def _in_live_world(world: MigrationWorld, action: Action) -> Plan:
    return Plan(action=action) if world.live else Plan(ask=Question.LIVE)
