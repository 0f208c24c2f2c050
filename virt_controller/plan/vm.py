"""The VM controller: one VM and its VMI in, the next step out.

```
 deleting? ──yes──► delete the VMI, wait, let go
     │no
 finalizer ─► verb (strategy.py) ─► memory in the status, before what depends on it
                                 ─► start · stop · clear
                                 ─► the rest of the status
```
What cannot be taken back (create, delete, let go, forget a request) is planned only in a live world: the cache may be
old, and absence from it proves nothing. The rest is guarded by the resourceVersion that was seen.
"""

from __future__ import annotations

from typing import Any, Final

from virt_controller.plan import backoff, live_update, patch, strategy, vm_start, vm_status
from virt_controller.plan.actions import SETTLED, Action, Create, Delete, Event, Kind, Patch, Plan, Question
from virt_controller.plan.strategy import Verb
from virt_controller.plan.vm_world import VmWorld
from virt_model import conditions, labels, readiness
from virt_model.conditions import Condition, Type
from virt_model.phases import Phase
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]

#: seconds for which news that is about to be overtaken may be held back (see _overtaken)
PATIENCE: Final = 2.0
_LOOK_AGAIN: Final = 1.0
_NEVER_HELD: Final = ("stateChangeRequests", "startFailure")


def plan(world: VmWorld) -> Plan:
    """The next step for one VM."""
    if world.vm.deleting:
        return _leave(world)
    if labels.VM_FINALIZER not in world.vm.finalizers:
        return Plan(action=_patch_vm(world, _entered(world), "take the VM into care"))
    if world.refusal is not None:
        return _refused(world)
    if world.foreign is not None and not world.foreign.deleting and world.foreign.controller() is None:
        return _in_live_world(world, _adopt(world, world.foreign)) or SETTLED
    verb = strategy.decide(world.vm, world.own)
    if _wants_started_spec(world):
        return Plan(ask=Question.REVISION)
    return _memory_first(world, verb) or _act(world, verb) or _show(world, verb)


def _memory_first(world: VmWorld, verb: Verb) -> Plan | None:
    """What must be remembered before a VMI that has ended may be deleted, or before a request is forgotten."""
    if not world.live and strategy.unanswered(world.vm, world.own) != world.vm.requests:
        return Plan(ask=Question.LIVE)
    if verb not in (Verb.CLEAR, Verb.CLEAR_AND_ASK):
        return None
    wanted = vm_status.status(world, verb)
    if all(wanted.get(field) == world.vm.status.get(field) for field in vm_status.MEMORY):
        return None
    return _write_status(world, wanted, "remember before the VMI goes")


def _act(world: VmWorld, verb: Verb) -> Plan | None:
    if verb is Verb.START:
        return _start(world)
    if verb in (Verb.STOP, Verb.CLEAR, Verb.CLEAR_AND_ASK):
        return _in_live_world(world, _delete_vmi(world, verb))
    if verb is Verb.REST and _paused_start(world):
        return _in_live_world(world, _always(world))
    return _let_go_of_ended(world) or _hand_down(world, verb)


def _start(world: VmWorld) -> Plan | None:
    wait = backoff.seconds_left(world.vm, world.now)
    if wait > 0:
        return None
    if not world.live:
        return Plan(ask=Question.LIVE)
    if world.foreign is not None:
        return _wait_for_name(world, world.foreign)
    current = vm_start.revision_name(world.vm)
    for name in world.revisions:
        if name != current:
            return Plan(action=_drop_revision(world, name))
    if current not in world.revisions:
        return Plan(
            action=Create(kind=Kind.REVISION, body=vm_start.revision(world.vm), why="keep the spec of this start")
        )
    return Plan(action=_create_vmi(world))


def _create_vmi(world: VmWorld) -> Action:
    name = world.vm.name
    text = f"Started the virtual machine by creating the new virtual machine instance {name}"
    event = Event(about=world.vm.raw, reason="SuccessfulCreate", message=text)
    return Create(kind=Kind.VMI, body=vm_start.instance(world.vm), why="start", events=(event,))


def _adopt(world: VmWorld, vmi: Vmi) -> Action:
    """A VMI of our name that nobody controls becomes ours under any strategy: its VM was deleted as an orphan maker."""
    owners = [*(vmi.metadata.get("ownerReferences") or ()), vm_start.owner_reference(world.vm)]
    return _patch_vmi(vmi, {**vmi.raw, "metadata": {**vmi.metadata, "ownerReferences": owners}}, "adopt")


def _wait_for_name(world: VmWorld, vmi: Vmi) -> Plan:
    """Our name is taken. A VMI that is being deleted frees it: its end wakes us."""
    if vmi.deleting:
        return SETTLED
    owner = vmi.controller() or {}
    text = (
        f"the VirtualMachineInstance {vmi.name} belongs to {owner.get('kind')} {owner.get('name')}: "
        "delete it, or give this VirtualMachine another name"
    )
    return _fail(world, "FailedCreate", text)


def _drop_revision(world: VmWorld, name: str) -> Action:
    return Delete(kind=Kind.REVISION, namespace=world.vm.namespace, name=name, uid="", why="of an earlier start")


def _delete_vmi(world: VmWorld, verb: Verb | None) -> Action | None:
    vmi = world.own
    if vmi is None or vmi.deleting:
        return None
    text = f"Stopped the virtual machine by deleting the virtual machine instance {vmi.uid}"
    event = Event(about=world.vm.raw, reason="SuccessfulDelete", message=text)
    why = "the VM is deleted" if verb is None else verb.value
    return Delete(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, uid=vmi.uid, why=why, events=(event,))


def _paused_start(world: VmWorld) -> bool:
    return strategy.paused_start_requested(world.vm) and world.own is None


def _always(world: VmWorld) -> Action:
    """A paused start of a halted VM: the user asked for it through the API, which leaves the spec to us."""
    spec = {key: value for key, value in world.vm.spec.items() if key != "running"}
    return _patch_vm(world, {**world.vm.raw, "spec": {**spec, "runStrategy": "Always"}}, "start paused")


def _let_go_of_ended(world: VmWorld) -> Plan | None:
    """An ended VMI that never ran keeps our finalizer until its failure is counted."""
    vmi = world.own
    if vmi is None or not vmi.phase.final or vmi.ran or labels.VM_FINALIZER not in vmi.finalizers:
        return None
    if not backoff.counted(world.vm, vmi):
        return None  # the status write that follows counts it
    let_go = without_finalizers(vmi.raw, labels.VM_FINALIZER)
    return _in_live_world(world, _patch_vmi(vmi, let_go, "its failure is counted"))


def _hand_down(world: VmWorld, verb: Verb) -> Plan | None:
    """What changed in the VM and does not wait for a restart: placement rules, or the generation alone."""
    vmi = world.own
    if verb is not Verb.KEEP or vmi is None or vmi.phase.final or vmi.deleting or world.started_spec is None:
        return None
    template = world.vm.template.get("spec") or {}
    new = live_update.handed_down(template, vmi) if live_update.follows(vmi, world.config) else vmi.raw
    if vm_status.as_started(world):
        stamped = {**vmi.annotations, labels.VM_GENERATION: str(world.vm.generation)}
        new = {**new, "metadata": {**vmi.metadata, "annotations": stamped}}
    ops = patch.tested(vmi.raw, new)
    if not ops:
        return None
    return Plan(action=Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=ops, why="follow the template"))


def _show(world: VmWorld, verb: Verb) -> Plan:
    wanted = vm_status.status(world, verb)
    if _overtaken(world, wanted):
        return Plan(again_in=_LOOK_AGAIN)
    return _write_status(world, wanted, "show") or Plan(again_in=_again_in(world, verb))


def _overtaken(world: VmWorld, wanted: Json) -> bool:
    """Whether the next news is certain to come at once, so that writing this news would be a write for nothing.

    A VMI that was just made has no Ready condition yet, one that was just deleted has not heard of it, one that just
    began to run is not called ready yet: the next word comes within milliseconds. What must be remembered is never
    held back.
    """
    vmi = world.own
    if vmi is None or any(wanted.get(key) != world.vm.status.get(key) for key in _NEVER_HELD):
        return False
    since = _unheard_since(vmi)
    return since is not None and abs(world.now - since) < PATIENCE  # the pass may have begun before it happened


def _unheard_since(vmi: Vmi) -> float | None:
    """When that happened of which the VMI's Ready condition does not tell yet; None when it is up to date."""
    if vmi.deleting:
        late = not vmi.phase.final and conditions.is_true(vmi.conditions, Type.READY)
        return vmi.deleted_at if late else None
    if vmi.phase.before_scheduled and conditions.find(vmi.conditions, Type.READY) is None:
        return vmi.created_at
    late = conditions.reason_of(vmi.conditions, Type.READY) == readiness.NOT_RUNNING.reason
    return vmi.entered_at(Phase.RUNNING) if vmi.phase is Phase.RUNNING and late else None


def _again_in(world: VmWorld, verb: Verb) -> float | None:
    wait = backoff.seconds_left(world.vm, world.now)
    return wait if wait > 0 and verb is Verb.START else None


def _leave(world: VmWorld) -> Plan:
    """The VM is deleted: its VMI goes first, unless it is to be left behind as an orphan."""
    if labels.VM_FINALIZER not in world.vm.finalizers:
        return SETTLED
    if world.refusal is not None:
        return _refused(world)
    orphan = labels.ORPHAN_FINALIZER in world.vm.finalizers
    if world.own is not None and not orphan:
        if not world.own.deleting:
            return _in_live_world(world, _delete_vmi(world, None)) or SETTLED
        return _let_go_of_ended(world) or _held(world, world.own) or _show(world, Verb.STOP)
    if (held := _held(world, world.vm)) is not None and held.action is not None:
        return held
    gone = without_finalizers(world.vm.raw, labels.VM_FINALIZER)
    return _in_live_world(world, _patch_vm(world, gone, "nothing of it is left")) or SETTLED


def _held(world: VmWorld, thing: Vm | Vmi) -> Plan | None:
    """Say who holds a deletion back when we have nothing left to do for it; None when nobody does."""
    going = thing.deleting and not (isinstance(thing, Vmi) and labels.MACHINE_FINALIZERS & set(thing.finalizers))
    if not going or not thing.held_by:
        return None
    kind = "VirtualMachineInstance" if isinstance(thing, Vmi) else "VirtualMachine"
    text = f"the {kind} {thing.name} cannot go: it is held by the finalizer {' and '.join(thing.held_by)}"
    told = _fail(world, "FailedDelete", text)
    return told if told.action is not None else SETTLED


def _refused(world: VmWorld) -> Plan:
    refusal = world.refusal
    assert refusal is not None
    reason = "FailedDelete" if isinstance(refusal.action, Delete) else "FailedCreate"
    return _fail(world, reason, refusal.message)


def _fail(world: VmWorld, reason: str, message: str) -> Plan:
    """Say in the status and once in an Event what is wrong; then back off."""
    verb = strategy.decide(world.vm, world.own)
    failure = Condition(type=Type.FAILURE, status=conditions.TRUE, reason=reason, message=message)
    wanted = vm_status.status(world, verb, failure)
    event = Event(about=world.vm.raw, type="Warning", reason=reason, message=message)
    return _write_status(world, wanted, reason, event) or Plan(refused=True)


def _wants_started_spec(world: VmWorld) -> bool:
    vmi = world.own
    if vmi is None or world.started_spec_asked or vmi.phase.final:
        return False
    return not vm_start.made_of(vmi, world.vm)


def _in_live_world(world: VmWorld, action: Action | None) -> Plan | None:
    if action is None:
        return None
    return Plan(action=action) if world.live else Plan(ask=Question.LIVE)


def _entered(world: VmWorld) -> Json:
    metadata = dict(world.vm.metadata)
    metadata["finalizers"] = [*world.vm.finalizers, labels.VM_FINALIZER]
    metadata["annotations"] = {**world.vm.annotations, **vm_start.observed_api_version()}
    return {**world.vm.raw, "metadata": metadata}


def without_finalizers(raw: Json, *names_: str) -> Json:
    metadata = dict(raw["metadata"])
    kept = [each for each in metadata.get("finalizers") or () if each not in names_]
    metadata["finalizers"] = kept
    return {**raw, "metadata": metadata}


def _patch_vm(world: VmWorld, new: Json, why: str) -> Action:
    vm = world.vm
    return Patch(kind=Kind.VM, namespace=vm.namespace, name=vm.name, ops=patch.pinned(vm.raw, new), why=why)


def _patch_vmi(vmi: Vmi, new: Json, why: str) -> Action:
    return Patch(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, ops=patch.pinned(vmi.raw, new), why=why)


def _write_status(world: VmWorld, wanted: Json, why: str, *events: Event) -> Plan | None:
    vm = world.vm
    ops = patch.pinned(vm.raw, {**vm.raw, "status": wanted})
    if not ops:
        return None
    return Plan(
        action=Patch(
            kind=Kind.VM, namespace=vm.namespace, name=vm.name, ops=ops, why=why, subresource="status", events=events
        )
    )
