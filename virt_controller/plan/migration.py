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

from virt_controller.plan import migration_backoff, migration_end, migration_pod, migration_status, patch
from virt_controller.plan import migration_steps as steps
from virt_controller.plan.actions import SETTLED, Action, Create, Event, Kind, Patch, Plan, Question
from virt_controller.plan.migration_world import ACTIVE, Migration, MigrationWorld, Step
from virt_model import conditions, labels
from virt_model.conditions import Type
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
UNSCHEDULABLE_SECONDS: Final = 300.0
PENDING_SECONDS: Final = 900.0
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
        return migration_end.ended(world)
    if world.vmi is None or world.vmi.phase.final or world.vmi.deleting:
        return steps.in_live_world(world, steps.fail(world, "its VMI has ended"))
    if (state := world.state) is not None:
        return _handed_over(world, world.vmi, state)
    if migration.step in WITH_THE_AGENTS:
        return steps.in_live_world(world, steps.fail(world, "its VMI is in another migration"))
    if migration.deleting:
        return migration_end.called_off(world)
    if migration.step is Step.NEW:
        return Plan(action=steps.move(world, Step.PENDING, "a new migration"))
    if migration.step is Step.PENDING:
        return _pending(world, world.vmi)
    return _scheduling(world, world.vmi)


def _pending(world: MigrationWorld, vmi: Vmi) -> Plan:
    if (target := world.target) is not None:
        text = f"Created migration target pod {target.name}"
        created = Event(about=world.migration.raw, reason="SuccessfulCreate", message=text)
        return Plan(action=steps.move(world, Step.SCHEDULING, "the target's pod exists", created))
    if world.refusal is not None:
        return _refused(world)
    if conditions.is_false(vmi.conditions, Type.LIVE_MIGRATABLE) or world.source is None or not vmi.node:
        return steps.in_live_world(world, steps.fail(world, "its VMI cannot be migrated"))
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
    action = steps.patch(world, new, "the target's pod is refused")
    return Plan(action=action) if action.ops else Plan(refused=True)


def _scheduling(world: MigrationWorld, vmi: Vmi) -> Plan:
    target = world.target
    if target is None or target.finished or target.deleting:
        return _given_up(world, vmi, "Target pod is down", target.ended_badly if target is not None else "")
    if world.migration.step is Step.SCHEDULED:
        return _hand_over(world, vmi, target)
    answers = vmi.annotations.get(labels.TARGET_ANSWERS) == world.migration.uid  # known before the kubelet tells
    if answers or target.compute_running:
        return Plan(action=steps.move(world, Step.SCHEDULED, "the target's launcher runs"))
    age = world.now - (target.created_at or world.now)
    stuck = _unschedulable(target)
    limit = _seconds(world.migration, UNSCHEDULABLE_ANNOTATION, UNSCHEDULABLE_SECONDS) if stuck else None
    longest = _seconds(world.migration, PENDING_ANNOTATION, PENDING_SECONDS)
    left = min(longest, longest if limit is None else limit) - age
    if left <= 0:
        return _given_up(world, vmi, "the target's pod did not start in time", target.hindrance)
    return Plan(again_in=left, events=(_told_of_no_place(world, vmi),) if stuck else ())


def _given_up(world: MigrationWorld, vmi: Vmi, what: str, because: str) -> Plan:
    """No agent knows of it: the VMI says why, unless it tells of another one under way; the migration follows."""
    why = f"{what}: {because}" if because else what
    if not world.live:
        return Plan(ask=Question.LIVE)
    before = vmi.status.get("migrationState") or {}
    if before.get("migrationUid") and not before.get("completed"):
        return Plan(action=steps.fail(world, why))
    state = migration_status.given_up(world.migration, vmi, world.source, world.target)
    over = migration_status.failed_state(state, why, world.now)
    ops = patch.pinned(vmi.raw, {**vmi.raw, "status": {**vmi.status, "migrationState": over}})
    return Plan(action=Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why))


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
        return Plan(action=steps.fail(world, "its guest is not where it was"))
    if world.manner is None:
        return Plan(ask=Question.MANNER)
    state = migration_status.handed_over(world.migration, vmi, world.source, target, world.manner)
    status = {
        **vmi.status,
        "migrationState": state,
        "activePods": {**(vmi.status.get("activePods") or {}), target.uid: target.node},
    }
    marked = {**vmi.labels, labels.MIGRATION_TARGET_NODE_NAME: target.node}
    metadata = {**migration_status.without_answer(vmi), "labels": marked}
    ops = patch.pinned(vmi.raw, {**vmi.raw, "metadata": metadata, "status": status})
    text = "Migration target pod is ready for preparation by virt-handler."
    told = Event(about=world.migration.raw, reason="SuccessfulHandOver", message=text)
    why = "hand the migration over"
    return Plan(action=Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why, events=(told,)))


def _handed_over(world: MigrationWorld, vmi: Vmi, state: Json) -> Plan:
    ahead = _next(world.migration.step, migration_status.reached(state))
    if ahead is not None and state.get("completed") and not state.get("failed"):
        return Plan(action=_follow(world, ahead))
    if state.get("completed"):
        return Plan(action=migration_end.outcome(world, state))
    if world.migration.deleting and not state.get("abortRequested"):
        return Plan(action=_patch_state(vmi, {**state, "abortRequested": True}, "an abort is asked for"))
    if world.migration.forced and vmi.annotations.get(labels.FORCE_COMPLETE) != world.migration.uid:
        return Plan(action=_force(world.migration, vmi))
    if ahead is not None:
        return Plan(action=_follow(world, ahead))
    target = world.target
    if not state.get("startTimestamp") and (target is None or target.finished or target.deleting):
        return _without_target(world, vmi, state)  # a pod on a node that has died is deleting for ever
    return SETTLED


def _follow(world: MigrationWorld, step: Step) -> Action:
    return steps.move(world, step, "the agents have come this far, or farther")


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


def _next(step: Step, reached: Step) -> Step | None:
    """The phase after `step`, where the agents have come farther: who watches sees each of them, and when it began."""
    order = list(Step)
    after = order.index(step) + 1
    return order[after] if after <= order.index(reached) else None
