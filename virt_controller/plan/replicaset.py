"""The replica set controller: one replica set and the VMIs of its namespace in, the next step out.

```
 claim:  adopt VMIs of nobody that it chooses ─ let go of its own that it does not choose any more
 count:  too few ─► make one ─ too many ─► delete one ─ right ─► clear away what is over
 show:   the rest of the status
```
A VMI's name comes from the replica set's UID and a number, the lowest whose name is free. So whoever acts on an old
cache, or leads without knowing that another one does, asks for a VMI that is there already, and gets that one: the API
server keeps the count, no memory of ours has to. Everything is done in a live world.

Of too many, those go first that cost least: not running before running, not ready before ready, then the youngest.
A paused one, or one that is being deleted, only tells what is there; deleting its VMIs, or leaving them as orphans, is
the garbage collector's part.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from api.label_selector import format_selector
from api.time import format_time
from virt_controller.plan import patch, vm_start
from virt_controller.plan.actions import SETTLED, Action, Create, Delete, Event, Kind, Patch, Plan, Question
from virt_controller.plan.replicaset_world import ReplicaSet, ReplicaSetWorld, is_over, is_ready
from virt_model import conditions, names
from virt_model.conditions import Condition, Conditions
from virt_model.phases import Phase
from virt_model.seen import Vmi

Json = dict[str, Any]

#: VMIs touched in one pass; the rest waits for the next one, so that no replica set keeps others waiting for long
BURST: Final = 16
FAILURE: Final = "ReplicaFailure"
PAUSED: Final = "ReplicaPaused"
_OWNER_REFERENCES: Final = "ownerReferences"


def plan(world: ReplicaSetWorld) -> Plan:
    """The next step for one replica set."""
    replicaset = world.replicaset
    if replicaset.selector is None:
        return SETTLED  # the API server admits none such; it would choose nothing
    if replicaset.deleting:
        return _show(world)
    observed = vm_start.observed_api_version()
    if not observed.items() <= replicaset.annotations.items():
        return Plan(action=_annotated(replicaset, observed))
    if world.refusal is not None:
        return _refused(world)
    if world.done >= BURST:
        return _show(world, again_in=0.0)
    action = _claim(world) or (None if replicaset.paused else _count(world))
    if action is None:
        return _show(world)
    return Plan(action=action) if world.live else Plan(ask=Question.LIVE)


def _claim(world: ReplicaSetWorld) -> Action | None:
    for vmi in world.deserters:
        kept = [each for each in vmi.metadata.get(_OWNER_REFERENCES) or () if each["uid"] != world.replicaset.uid]
        return _owned(vmi, kept, "its labels are not chosen any more")
    for vmi in world.strays:
        owners = [*(vmi.metadata.get(_OWNER_REFERENCES) or ()), owner_reference(world.replicaset)]
        return _owned(vmi, owners, "it is chosen, and nobody's")
    return None


def _count(world: ReplicaSetWorld) -> Action | None:
    surplus = len(world.active) - world.replicaset.wanted
    if surplus < 0:
        return _create(world)
    if surplus > 0:
        return _delete(world, min(world.active, key=_worth))
    return next((_delete(world, vmi) for vmi in world.finished), None)


def _worth(vmi: Vmi) -> tuple[bool, bool, float, str]:
    return (vmi.phase is Phase.RUNNING, is_ready(vmi), -(vmi.created_at or 0.0), vmi.name)


def _create(world: ReplicaSetWorld) -> Action:
    body = instance(world.replicaset, _free_name(world))
    text = f"Started the virtual machine by creating the new virtual machine instance {body['metadata']['name']}"
    event = Event(about=world.replicaset.raw, reason="SuccessfulCreate", message=text)
    return Create(kind=Kind.VMI, body=body, why="too few", events=(event,))


def _delete(world: ReplicaSetWorld, vmi: Vmi) -> Action:
    over = is_over(vmi)
    stopped = "Stopped the virtual machine by deleting the virtual machine instance"
    text = f"Deleted finished virtual machine: {vmi.uid}" if over else f"{stopped} {vmi.uid}"
    event = Event(about=world.replicaset.raw, reason="SuccessfulDelete", message=text)
    why = "it is over" if over else "too many"
    return Delete(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, uid=vmi.uid, why=why, events=(event,))


def _free_name(world: ReplicaSetWorld) -> str:
    taken = {vmi.name for vmi in world.vmis}
    named = (name_of(world.replicaset, number) for number in range(len(taken) + 1))
    return next(name for name in named if name not in taken)


def name_of(replicaset: ReplicaSet, number: int) -> str:
    """The name of its VMI of that number."""
    metadata = replicaset.template.get("metadata") or {}
    base = str(metadata.get("name") or metadata.get("generateName") or replicaset.name)
    return names.replica_name(base, replicaset.uid, number)


def owner_reference(replicaset: ReplicaSet) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceReplicaSet",
        "name": replicaset.name,
        "uid": replicaset.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def instance(replicaset: ReplicaSet, name: str) -> Json:
    """A VMI of the template, with its labels and annotations."""
    template = deepcopy(replicaset.template)
    metadata = template.get("metadata") or {}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": name,
            "namespace": replicaset.namespace,
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), **vm_start.observed_api_version()},
            _OWNER_REFERENCES: [owner_reference(replicaset)],
        },
        "spec": template.get("spec") or {},
    }


def _refused(world: ReplicaSetWorld) -> Plan:
    """Say in the status and once in an Event what is wrong; then back off."""
    refusal = world.refusal
    assert refusal is not None
    if isinstance(refusal.action, Delete):
        finished = {vmi.name for vmi in world.finished}
        what = "finished virtual machine" if refusal.action.name in finished else "virtual machine instance"
        reason, text = "FailedDelete", f"Error deleting {what} {refusal.action.name}: {refusal.message}"
    else:
        reason, text = "FailedCreate", f"Error creating virtual machine instance: {refusal.message}"
    failure = Condition(type=FAILURE, status=conditions.TRUE, reason=reason, message=refusal.message)
    event = Event(about=world.replicaset.raw, type="Warning", reason=reason, message=text)
    action = _status(world, failure, event)
    return Plan(action=action) if action is not None else Plan(refused=True)


def _show(world: ReplicaSetWorld, again_in: float | None = None) -> Plan:
    action = _status(world, None)
    return Plan(action=action) if action is not None else Plan(again_in=again_in)


def _status(world: ReplicaSetWorld, failure: Condition | None, *events: Event) -> Action | None:
    """The status as it should be, if it is not; zeros and empty lists are left out."""
    replicaset = world.replicaset
    found, told = _conditions(world, failure)
    counted = {
        "labelSelector": format_selector(replicaset.selector or ()),
        "replicas": len(world.active),
        "readyReplicas": sum(map(is_ready, world.active)),
        "conditions": [*found],
    }
    kept = {key: value for key, value in replicaset.status.items() if key not in counted}
    wanted = kept | {key: value for key, value in counted.items() if value}
    if wanted == replicaset.status:
        return None
    ops = patch.pinned(replicaset.raw, {**replicaset.raw, "status": wanted})
    return _patch(replicaset, ops, "show", "status", (*events, *told))


def _conditions(world: ReplicaSetWorld, failure: Condition | None) -> tuple[Conditions, tuple[Event, ...]]:
    replicaset, now = world.replicaset, format_time(world.now)
    found = replicaset.conditions
    found = conditions.put(found, failure, now) if failure else conditions.drop(found, FAILURE)
    was = conditions.find(found, PAUSED) is not None
    if replicaset.paused == was:
        return found, ()
    reason = "SuccessfulPaused" if replicaset.paused else "SuccessfulResumed"
    event = Event(about=replicaset.raw, reason=reason, message=reason.removeprefix("Successful"))
    if not replicaset.paused:
        return conditions.drop(found, PAUSED), (event,)
    claim = Condition(type=PAUSED, status=conditions.TRUE, reason="Paused", message="Controller got paused")
    return conditions.put(found, claim, now), (event,)


def _annotated(replicaset: ReplicaSet, more: dict[str, str]) -> Action:
    annotations = {**replicaset.annotations, **more}
    new = {**replicaset.raw, "metadata": {**replicaset.metadata, "annotations": annotations}}
    return _patch(replicaset, patch.pinned(replicaset.raw, new), "seen in this version of the API")


def _owned(vmi: Vmi, owners: list[Json], why: str) -> Action:
    metadata = {**vmi.metadata, _OWNER_REFERENCES: owners}
    ops = patch.pinned(vmi.raw, {**vmi.raw, "metadata": metadata})
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why=why)


def _patch(
    replicaset: ReplicaSet, ops: list[Json], why: str, subresource: str = "", events: tuple[Event, ...] = ()
) -> Action:
    return Patch(
        kind=Kind.REPLICASET,
        namespace=replicaset.namespace,
        name=replicaset.name,
        ops=ops,
        why=why,
        subresource=subresource,
        events=events,
    )
