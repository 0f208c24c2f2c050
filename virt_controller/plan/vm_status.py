"""The status of a VM as it shall be, from what is there.

It can be thrown away and made again, but for the requests, the start failure and the run strategy: those are the
controller's memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from api.time import format_time
from virt_controller.plan import backoff, live_update, strategy, vm_start
from virt_controller.plan.printable import Case, printable_status
from virt_controller.plan.strategy import Verb
from virt_controller.plan.vm_world import VmWorld
from virt_model import conditions
from virt_model.conditions import FALSE, TRUE, Condition, Conditions, Stamp, Type
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]

#: what the VM controller remembers in the status; lost, it would start too much or too little
MEMORY: Final = ("stateChangeRequests", "startFailure", "runStrategy")
#: conditions that are the VM's own, not copies of its VMI's
_OWN: Final = frozenset({Type.READY, Type.FAILURE, Type.RESTART_REQUIRED, Type.MANUAL_RECOVERY_REQUIRED})
#: copies that stay when the VMI is gone, until the next one comes
_STAYING: Final = frozenset({Type.LIVE_MIGRATABLE, Type.STORAGE_LIVE_MIGRATABLE, Type.POD_SCHEDULED})

NO_VMI: Final = Condition(
    type=Type.READY, status=FALSE, reason="VMINotExists", message="VMI does not exist", stamp=Stamp.PROBED
)
VMI_SAYS_NOTHING: Final = Condition(
    type=Type.READY,
    status=FALSE,
    reason="VMIConditionMissing",
    message="VMI is missing the Ready condition",
    stamp=Stamp.PROBED,
)
_WAITS: Final = "a non-live-updatable field was changed in the template spec"


def status(world: VmWorld, verb: Verb, failure: Condition | None = None) -> Json:
    """`status` as it shall be; fields that nobody here knows stay. `failure` is what just went wrong."""
    vm, vmi = world.vm, world.own
    found = _conditions(world, verb, failure)
    wanted: Json = {
        "conditions": list(found) or None,
        "created": (vmi is not None) or None,
        "ready": conditions.is_true(found, Type.READY) or None,
        "printableStatus": printable_status(Case(vm=vm, vmi=vmi, verb=verb, now=world.now)).value,
        "stateChangeRequests": _requests(world, verb),
        "startFailure": backoff.start_failure(vm, vmi, world.now),
        "volumeSnapshotStatuses": _snapshot_statuses(vm) or None,
    }
    if vmi is not None:
        wanted["runStrategy"] = vm.strategy.value
        wanted["desiredGeneration"] = vm.generation
        wanted["observedGeneration"] = _observed_generation(world, vmi)
    return {key: value for key, value in {**vm.status, **wanted}.items() if value is not None}


def _requests(world: VmWorld, verb: Verb) -> list[Json] | None:
    requests = list(strategy.unanswered(world.vm, world.own) if world.live else world.vm.requests)
    if verb is Verb.CLEAR_AND_ASK and not strategy.start_requested(world.vm):
        requests = [*requests, {"action": "Start"}]
    return requests or None


def as_started(world: VmWorld) -> bool:
    """Whether the template is known to be that of the running VMI."""
    started = world.started_spec
    return started is not None and _machine(started) == _machine(world.vm.spec)


def _restart_required(world: VmWorld) -> Condition | None:
    """Tells of the changes of the template that the running VMI cannot follow, by name."""
    vmi, started = world.own, world.started_spec
    if vmi is None or vmi.phase.final or started is None:
        return None
    followed = live_update.follows(vmi, world.config)
    paths = live_update.waiting(_machine(started), _machine(world.vm.spec), followed=followed)
    if not paths:
        return None
    message = f"{_WAITS}: {live_update.named(paths)}"
    return Condition(type=Type.RESTART_REQUIRED, status=TRUE, message=message)


def _machine(spec: Mapping[str, Any]) -> Json:
    return (spec.get("template") or {}).get("spec") or {}


def _observed_generation(world: VmWorld, vmi: Vmi) -> int | None:
    return world.vm.generation if as_started(world) else vmi.started_generation


def _conditions(world: VmWorld, verb: Verb, failure: Condition | None) -> Conditions:
    now = format_time(world.now)
    found = _copied(world.vm.conditions, world.own)
    found = _ready(found, world.own, now)
    if (restart := _restart_required(world)) is not None:
        found = conditions.put(found, restart, now)
    elif world.own is None or _nothing_waits(world, world.own):
        found = conditions.drop(found, Type.RESTART_REQUIRED)
    if failure is not None:
        return conditions.put(found, failure, now)
    return conditions.drop(found, Type.FAILURE) if world.own is not None or verb is Verb.REST else found


def _nothing_waits(world: VmWorld, vmi: Vmi) -> bool:
    """Known only of a VMI whose start was looked up, or that was made of the VM as it is."""
    return world.started_spec is not None or vm_start.made_of(vmi, world.vm)


def _copied(found: Conditions, vmi: Vmi | None) -> Conditions:
    theirs = [each for each in vmi.conditions if each.get("type") not in _OWN] if vmi is not None else []
    kept = _OWN | ({each.get("type") for each in theirs} if vmi is not None else _STAYING)
    found = conditions.drop(found, *(str(each.get("type")) for each in found if each.get("type") not in kept))
    for condition in theirs:
        found = conditions.copy_in(found, condition)
    return found


def _ready(found: Conditions, vmi: Vmi | None, now: str) -> Conditions:
    if vmi is None:
        return conditions.put(found, NO_VMI, now)
    theirs = conditions.find(vmi.conditions, Type.READY)
    return conditions.put(found, VMI_SAYS_NOTHING, now) if theirs is None else conditions.copy_in(found, theirs)


def _snapshot_statuses(vm: Vm) -> list[Json]:
    volumes = (vm.template.get("spec") or {}).get("volumes") or []
    return [
        {
            "name": volume["name"],
            "enabled": False,
            "reason": f"Snapshot is not supported for this volumeSource type [{volume['name']}]",
        }
        for volume in volumes
    ]
