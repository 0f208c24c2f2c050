"""The VMI controller: one VMI and its launcher pod in, the next step out.

```
 Pending    ─ no pod ─► create it ─ pod ─► Scheduling
 Scheduling ─ open the pod's gate, tell why it does not start ─ compute runs ─► Scheduled: virt-handler's from here
 Scheduled, Running ─ keep Ready true to the pod;  node certainly off or fenced ─► Failed
 Succeeded, Failed  ─ pod gone ─► let go
 deleted    ─► delete the pod at once; not yet handed over ─► Failed
```
A phase never moves on absence that a cache claims: the API is asked first. And a pod that is gone from the API proves
no end of its guest: who removes a pod by force is not told whether its node has heard of it. virt-handler on that node
says when the guest has ended, or the node is out of service.
"""

from __future__ import annotations

from typing import Any, Final

from api.time import format_time
from virt_controller.plan import fencing, launcher_pod, patch, vm_start, vmi_status
from virt_controller.plan.actions import SETTLED, Action, Create, Delete, Event, Kind, Merge, Patch, Plan, Question
from virt_controller.plan.vmi_world import VmiWorld
from virt_model import conditions, labels, node_ends, readiness
from virt_model.conditions import Type
from virt_model.phases import Phase
from virt_model.seen import Pod

Json = dict[str, Any]

#: seconds that virt-handler has to say how a guest ended whose launcher is over
HANDLER_PATIENCE: Final = 60.0


def plan(world: VmiWorld) -> Plan:
    """The next step for one VMI."""
    phase = world.vmi.phase
    if world.vmi.deleting and not world.vmi.finalizers:
        return SETTLED  # nothing holds it any more
    if phase.final:
        return _ended(world)
    if world.vmi.deleting and (leaving := _delete_pod(world)) is not None:
        return leaving
    if phase.before_scheduled:
        if world.vmi.deleting:
            return _in_live_world(world, _fail(world, "deleted before it ran"))
        return _scheduling(world) if phase is Phase.SCHEDULING else _pending(world)
    return _handed_over(world) if phase.handed_over else SETTLED


def _pending(world: VmiWorld) -> Plan:
    if world.pod is not None:
        return Plan(action=_enter_scheduling(world, world.pod))
    if world.refusal is not None:
        return _refused(world)
    if world.missing_claim:
        return _wait_for_claim(world)
    if not world.live:
        return Plan(ask=Question.LIVE)
    pod = launcher_pod.render(world.vmi.raw, world.config, world.launcher_image)
    text = f"Created virtual machine pod {pod['metadata']['name']}"
    event = Event(about=world.vmi.raw, reason="SuccessfulCreate", message=text)
    return Plan(action=Create(kind=Kind.POD, body=pod, why="a VMI needs its launcher", events=(event,)))


def _scheduling(world: VmiWorld) -> Plan:
    pod = world.pod
    if pod is None:
        return _in_live_world(world, _fail(world, "its launcher pod vanished"))
    if pod.finished:
        return Plan(action=_fail(world, "its launcher pod ended before it ran", told=_told_of_end(world, pod)))
    if opened := _open_gate(world, pod):
        return Plan(action=opened)
    if pod.compute_running and not pod.deleting:
        return Plan(action=_hand_over(world, pod))
    found = vmi_status.before_start(world, world.vmi.conditions, pod)
    return _write_conditions(world, vmi_status.ready(found, Phase.SCHEDULING, pod, world.now))


def _handed_over(world: VmiWorld) -> Plan:
    pod = world.pod
    if world.node_off or (world.node_out and pod is None):
        return _out(world)
    if world.fenced:
        return _fenced(world)
    if pod is None:
        return _pod_gone(world)
    if opened := _open_gate(world, pod):
        return Plan(action=opened)
    if _waits_at_target(world):
        return SETTLED  # a complete guest stands there, and the agent of its source has the word
    if world.node_lost and pod.finished:
        return Plan(action=_fail(world, "nobody answers for its node", reason=node_ends.UNRESPONSIVE))
    unnoticed = _unnoticed_end(world, pod)
    if unnoticed is not None and unnoticed <= 0:
        why = "its launcher ended and virt-handler has not said so"
        return Plan(action=_fail(world, why, told=_told_of_end(world, pod)))
    found = vmi_status.ready(world.vmi.conditions, world.vmi.phase, pod, world.now)
    found = fencing.with_silence(found, world.vmi, world.node_waits, world.now)
    written = _write_conditions(world, vmi_status.marked_for_eviction(found, world.vmi, world.now))
    return written if written.action is not None else Plan(again_in=unnoticed)


def _waits_at_target(world: VmiWorld) -> bool:
    """After the switch to post-copy nobody waits: it runs at the target or nowhere."""
    state = world.vmi.status.get("migrationState") or {}
    whole = bool(state.get("targetNodeDomainReadyTimestamp")) and not state.get("completed")
    return whole and state.get("mode") != "PostCopy"


def _fenced(world: VmiWorld) -> Plan:
    text = f"Node {world.vmi.node} is lost, and its guests that are self-fencing have ended by themselves"
    return _gone_with_its_node(world, "its node is lost", node_ends.FENCED, text)


def _out(world: VmiWorld) -> Plan:
    """Somebody who knows says that nothing runs there any more."""
    text = f"Node {world.vmi.node} is out of service: {world.node_out}. What ran there counts as ended"
    return _gone_with_its_node(world, "its node is out of service", node_ends.OUT_OF_SERVICE, text)


def _gone_with_its_node(world: VmiWorld, why: str, reason: str, text: str) -> Plan:
    """Whatever its pod seems to be: the kubelet of such a node says nothing any more."""
    told = Event(about=world.vmi.raw, type="Warning", reason=reason, message=text)
    return _in_live_world(world, _fail(world, why, reason=reason, told=(told,), pinned=True))


def _pod_gone(world: VmiWorld) -> Plan:
    """Its guest may still be there, until somebody who knows says that it is not."""
    if conditions.reason_of(world.vmi.conditions, Type.READY) == readiness.NO_POD.reason:
        return SETTLED
    if not world.live:
        return Plan(ask=Question.LIVE)
    found = conditions.put(world.vmi.conditions, readiness.NO_POD, format_time(world.now))
    return _write_conditions(world, found)


def _unnoticed_end(world: VmiWorld, pod: Pod | None) -> float | None:
    """Seconds until an ended launcher counts as a failure; virt-handler, who knows how the guest ended, comes first."""
    if pod is None or not pod.compute_ended:
        return None
    ended = pod.compute_ended_at
    return HANDLER_PATIENCE if ended is None else ended + HANDLER_PATIENCE - world.now


def _ended(world: VmiWorld) -> Plan:
    if (leaving := _delete_pod(world)) is not None:
        return leaving
    if world.pods:
        found = vmi_status.ready(world.vmi.conditions, world.vmi.phase, world.pod, world.now)
        return _write_conditions(world, found)
    ours = (labels.VMI_FINALIZER, labels.VMI_FINALIZER_OLD, *(() if world.vm_counts else (labels.VM_FINALIZER,)))
    if not set(ours) & set(world.vmi.finalizers):
        found = vmi_status.ready(world.vmi.conditions, world.vmi.phase, None, world.now)
        return _write_conditions(world, found)
    metadata = {**world.vmi.metadata, "finalizers": [each for each in world.vmi.finalizers if each not in ours]}
    return _in_live_world(world, _patch(world, {**world.vmi.raw, "metadata": metadata}, "its pod is gone"))


def _delete_pod(world: VmiWorld) -> Plan | None:
    """A deleted VMI takes its pods along. So does an ended one the pod that has not even begun: a late one. Where the
    kubelet is lost with its node, nobody else can say that the pod is over.
    """
    for pod in world.pods:
        late = world.vmi.phase.final and pod.phase == "Pending"
        lost = world.fenced or world.node_off
        beyond = lost and world.vmi.phase.final and pod.node == world.vmi.node
        if (world.vmi.deleting or late) and (beyond or not pod.deleting):
            text = f"Deleted virtual machine pod {pod.name}"
            event = Event(about=world.vmi.raw, reason="SuccessfulDelete", message=text)
            why = "the VMI is deleted" if world.vmi.deleting else "the VMI has ended"
            return Plan(
                action=Delete(
                    kind=Kind.POD,
                    namespace=pod.namespace,
                    name=pod.name,
                    uid=pod.uid,
                    why=why,
                    events=(event,),
                    grace_seconds=0 if beyond else None,
                )
            )
    return None


def _open_gate(world: VmiWorld, pod: Pod) -> Action | None:
    """The readiness gate and the node label of a bound pod, in one write (the status may carry labels)."""
    if not pod.node or pod.deleting or pod.compute_ended:
        return None
    body = vmi_status.unpaused_gate(world.vmi, pod, world.now)
    if body is None:
        return None
    return Merge(
        kind=Kind.POD, namespace=pod.namespace, name=pod.name, body=body, why="readiness gate", subresource="status"
    )


def _enter_scheduling(world: VmiWorld, pod: Pod) -> Action:
    vmi = world.vmi
    status = vmi_status.moved(vmi.status, Phase.SCHEDULING, world.now)
    status = vmi_status.at_scheduling(status, launcher_pod.memory_overhead(vmi.raw, world.config))
    found = vmi_status.before_start(world, vmi.conditions, pod)
    found = vmi_status.ready(found, Phase.SCHEDULING, pod, world.now)
    metadata = {**vmi.metadata, "annotations": {**vmi.annotations, **vm_start.observed_api_version()}}
    if labels.VMI_FINALIZER not in vmi.finalizers:
        metadata["finalizers"] = [*vmi.finalizers, labels.VMI_FINALIZER]
    new = {**vmi.raw, "metadata": metadata, "status": vmi_status.with_conditions(vmi, status, found)}
    return _patch(world, new, "the launcher pod exists")


def _hand_over(world: VmiWorld, pod: Pod) -> Action:
    vmi = world.vmi
    status = vmi_status.moved(vmi.status, Phase.SCHEDULED, world.now)
    status = vmi_status.at_hand_over(vmi, status, pod, world.launcher_image)
    found = conditions.drop(vmi.conditions, Type.POD_SCHEDULED, Type.SYNCHRONIZED)
    found = vmi_status.ready(found, Phase.SCHEDULED, pod, world.now)
    metadata = {**vmi.metadata, "labels": {**vmi.labels, labels.NODE_NAME: pod.node}}
    new = {**vmi.raw, "metadata": metadata, "status": vmi_status.with_conditions(vmi, status, found)}
    return _patch(world, new, "the launcher runs")


def _told_of_end(world: VmiWorld, pod: Pod | None) -> tuple[Event, ...]:
    """The pod knows how its launcher ended, and may be gone a moment later: the event outlives it."""
    how = pod.ended_badly if pod is not None else ""
    return (Event(about=world.vmi.raw, type="Warning", reason="LauncherFailed", message=how),) if how else ()


def _fail(world: VmiWorld, why: str, reason: str = "", told: tuple[Event, ...] = (), *, pinned: bool = False) -> Action:
    vmi = world.vmi
    status = vmi_status.moved(vmi.status, Phase.FAILED, world.now)
    if reason:
        status["reason"] = reason
    found = vmi.conditions
    if vmi.deleting and vmi.phase.before_scheduled:
        found = conditions.drop(found, Type.SYNCHRONIZED)
    found = vmi_status.ready(found, Phase.FAILED, world.pod, world.now)
    found = conditions.drop(found, Type.NODE_LOST)
    new = {**vmi.raw, "status": vmi_status.with_conditions(vmi, status, found)}
    return _patch(world, new, why, *told, pinned=pinned)


def _wait_for_claim(world: VmiWorld) -> Plan:
    message = f"PVC {world.vmi.namespace}/{world.missing_claim} does not exist, waiting for it to appear"
    found = vmi_status.claim_missing(world.vmi.conditions, message, format_time(world.now))
    event = Event(about=world.vmi.raw, reason="FailedPvcNotFound", message=message)
    return _write_conditions(world, found, event)


def _refused(world: VmiWorld) -> Plan:
    """The pod was not accepted: say so, and try again with growing pauses."""
    refusal = world.refusal
    assert refusal is not None
    now = format_time(world.now)
    found = conditions.put(world.vmi.conditions, vmi_status.unsynchronized("FailedCreate", refusal.message), now)
    found = conditions.put(found, readiness.NO_POD, now)
    text = f"Error creating pod: {refusal.message}"
    event = Event(about=world.vmi.raw, type="Warning", reason="FailedCreate", message=text)
    written = _write_conditions(world, found, event)
    return written if written.action is not None else Plan(refused=True)


def _write_conditions(world: VmiWorld, found: conditions.Conditions, *events: Event) -> Plan:
    vmi = world.vmi
    new = {**vmi.raw, "status": vmi_status.with_conditions(vmi, vmi.status, found)}
    action = _patch(world, new, "conditions", *events)
    return Plan(action=action) if action.ops else SETTLED


def _patch(world: VmiWorld, new: Json, why: str, *events: Event, pinned: bool = False) -> Patch:
    """virt-handler owns the object once it is scheduled: from then on only what is replaced is tested, unless `pinned`
    says that nothing at all may have changed.
    """
    vmi = world.vmi
    own = pinned or vmi.phase.before_scheduled or vmi.phase.final
    ops = patch.pinned(vmi.raw, new) if own else patch.tested(vmi.raw, new, ("/status/phase",))
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why, events=events)


def _in_live_world(world: VmiWorld, action: Action) -> Plan:
    return Plan(action=action) if world.live else Plan(ask=Question.LIVE)
