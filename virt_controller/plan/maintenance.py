"""A Maintenance: its node, and the guests that are or were there, in; the next step out.

```
 the node lacks the drain taint ─► set it: guests that may move are migrated by the evacuation controller
 a guest that does not move, and shall be stopped ─► delete its VMI; its VM starts it elsewhere, if its strategy says so
 what is known differs from what the status says ─► write it
 no Maintenance is left ─► the taint goes, if it was ours
```
Nothing is held back by finalizers: whose Maintenance is the taint's is in its value, so it is found when that is gone.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from api.maintenance import MaintenanceGuest as Guest
from api.time import format_time
from virt_controller.plan import patch
from virt_controller.plan.actions import SETTLED, Action, Delete, Event, Kind, Patch, Plan
from virt_controller.plan.migration_world import Migration, Step
from virt_model import eviction
from virt_model.config import ClusterConfig
from virt_model.eviction import Fate
from virt_model.seen import Seen, Vmi

Json = dict[str, Any]
MARK: Final = "maintenance-"
"""Begin of the value of a drain taint of ours; the UID of the Maintenance follows."""
STOPPED_AT_ONCE: Final = 10
GONE: Final = ("Moved", "Ended")
DRAINING, DRAINED, EXPIRED = "Draining", "Drained", "Expired"
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0}
_WHY_NOT: Final = {
    Fate.GOES: "by its eviction strategy it does not move",
    Fate.STAYS: "it cannot be migrated",
    Fate.IS_MOVED: "its eviction strategy is External: somebody else moves it",
}


class MaintenanceWorld(msgspec.Struct, frozen=True, kw_only=True):
    """One node; `asked` are its Maintenances, the oldest first. From the cache."""

    name: str
    node: Seen | None
    asked: tuple[Seen, ...]
    vmis: tuple[Vmi, ...] = ()  # all of the cluster
    migrations: tuple[Migration, ...] = ()  # all of the cluster
    config: ClusterConfig
    now: float

    def after(self, action: Action, answer: Json | None) -> MaintenanceWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back, None when it is gone."""
        if action.kind is Kind.NODE and answer is not None:
            return msgspec.structs.replace(self, node=Seen(answer))
        if action.kind is Kind.MAINTENANCE and answer is not None:
            new = tuple(Seen(answer) if each.name == action.name else each for each in self.asked)  # type: ignore[union-attr]
            return msgspec.structs.replace(self, asked=new)
        if action.kind is Kind.VMI and isinstance(action, Delete):
            left = (Vmi(answer),) if answer is not None else ()
            return msgspec.structs.replace(self, vmis=(*(each for each in self.vmis if each.uid != action.uid), *left))
        return self


def plan(world: MaintenanceWorld) -> Plan:
    """The next step for one node."""
    if world.node is not None and (action := _taint(world, world.node)) is not None:
        return Plan(action=action)
    waits = []
    for asked in world.asked:
        guests = _report(world, asked)
        phase = _phase(world, asked, guests)
        if phase == DRAINING and (vmi := _to_stop(world, guests)) is not None:
            return Plan(action=_stop(asked, vmi))
        if action := _written(world, asked, guests, phase):
            return Plan(action=action)
        if phase == DRAINING and (deadline := deadline_of(asked)) is not None:
            waits.append(max(0.0, deadline - world.now) + 0.1)
    return Plan(again_in=min(waits)) if waits else SETTLED


def deadline_of(asked: Seen) -> float | None:
    """When it expires, in seconds since 1970; None for never."""
    parts = re.findall(r"(\d+)([hms])", str(asked.spec.get("deadline") or ""))
    began = asked.created_at
    return began + sum(int(count) * _UNITS[unit] for count, unit in parts) if parts and began is not None else None


def _taint(world: MaintenanceWorld, node: Seen) -> Action | None:
    key = world.config.migrations.drain_taint
    taints: list[Json] = list(node.spec.get("taints") or ())
    is_drain = [each.get("key") == key and each.get("effect") == "NoSchedule" for each in taints]
    if world.asked and not any(is_drain):
        ours = {"key": key, "value": MARK + world.asked[0].uid, "effect": "NoSchedule"}
        return _tainted(node, [*taints, ours], "its guests shall leave it")
    if not world.asked and any(marked(each) for each in taints):
        return _tainted(node, [each for each in taints if not marked(each)], "its maintenance is over")
    return None


def marked(taint: Json) -> bool:
    """Whether a taint was set for a Maintenance."""
    return str(taint.get("value") or "").startswith(MARK)


def _tainted(node: Seen, taints: list[Json], why: str) -> Action:
    new = {**node.raw, "spec": {**node.spec, "taints": taints}}
    return Patch(kind=Kind.NODE, namespace="", name=node.name, ops=patch.tested(node.raw, new), why=why)


def _report(world: MaintenanceWorld, asked: Seen) -> tuple[Guest, ...]:
    """Every guest that is on the node, or was when an earlier report was made."""
    present = {each.uid: each for each in world.vmis}
    known = [msgspec.convert(each, Guest) for each in asked.status.get("guests") or ()]
    here = [each for each in world.vmis if each.node == world.name and not each.phase.final]
    new = [Guest(namespace=each.namespace, name=each.name, uid=each.uid) for each in here]
    seen = {each.uid: each for each in [*new, *known]}
    told = (_now(world, asked, each, present.get(each.uid)) for each in seen.values())
    return tuple(sorted(told, key=lambda each: (each.namespace, each.name, each.uid)))


def _now(world: MaintenanceWorld, asked: Seen, guest: Guest, vmi: Vmi | None) -> Guest:
    if vmi is None or vmi.phase.final:
        return msgspec.structs.replace(guest, state="Ended", reason="")
    if vmi.node != world.name:
        return msgspec.structs.replace(guest, state="Moved", node_name=vmi.node, reason="")
    fate = eviction.fate(vmi, world.config.eviction_strategy)
    if fate is Fate.MOVES:
        state, reason = _moving(world, vmi)
        return msgspec.structs.replace(guest, plan="Migrate", state=state, reason=reason, node_name="")
    if asked.spec.get("others") == "Stop":
        return msgspec.structs.replace(guest, plan="Stop", state="Stopping", reason=_WHY_NOT[fate], node_name="")
    return msgspec.structs.replace(guest, plan="Keep", state="Kept", reason=_WHY_NOT[fate], node_name="")


def _moving(world: MaintenanceWorld, vmi: Vmi) -> tuple[str, str]:
    own = sorted((each for each in world.migrations if each.is_of(vmi)), key=lambda each: each.born)
    if own and not own[-1].step.final:
        return ("Waiting" if own[-1].step in (Step.NEW, Step.PENDING) else "Moving"), ""
    if own and own[-1].step is Step.FAILED:
        why = (own[-1].status.get("migrationState") or {}).get("failureReason") or "see its events"
        return "Waiting", f"migration {own[-1].name} has failed: {why}"
    return "Waiting", ""


def _phase(world: MaintenanceWorld, asked: Seen, guests: tuple[Guest, ...]) -> str:
    if all(guest.state in GONE for guest in guests):
        return DRAINED if world.node is not None else DRAINING
    deadline = deadline_of(asked)
    return EXPIRED if deadline is not None and world.now >= deadline else DRAINING


def _to_stop(world: MaintenanceWorld, guests: tuple[Guest, ...]) -> Vmi | None:
    uids = {guest.uid for guest in guests if guest.plan == "Stop" and guest.state == "Stopping"}
    doomed = [each for each in world.vmis if each.uid in uids]
    if sum(each.deleting for each in doomed) >= STOPPED_AT_ONCE:
        return None
    return next((each for each in doomed if not each.deleting), None)


def _stop(asked: Seen, vmi: Vmi) -> Action:
    text = (
        f"Stopped for maintenance {asked.name} of node {vmi.node}: its VM starts it elsewhere, if it starts it at all"
    )
    told = Event(about=vmi.raw, reason="StoppedForMaintenance", message=text)
    why = f"maintenance {asked.name}"
    return Delete(kind=Kind.VMI, namespace=vmi.namespace, name=vmi.name, uid=vmi.uid, why=why, events=(told,))


def _written(world: MaintenanceWorld, asked: Seen, guests: tuple[Guest, ...], phase: str) -> Action | None:
    """None where the status says so already."""
    old, deadline = asked.status, deadline_of(asked)
    gone = sum(guest.state in GONE for guest in guests)
    status: Json = {
        "phase": phase,
        "message": _message(world, guests, phase),
        "progress": f"{gone}/{len(guests)}",
        "startTimestamp": old.get("startTimestamp") or format_time(world.now),
        "guests": [msgspec.to_builtins(guest) for guest in guests],
    }
    if deadline is not None:
        status["deadlineTimestamp"] = format_time(deadline)
    if phase == DRAINED:
        status["endTimestamp"] = old.get("endTimestamp") or format_time(world.now)
    if status == old:
        return None
    told = () if phase == old.get("phase") else (_told(asked, phase, status["message"]),)
    ops = patch.pinned(asked.raw, {**asked.raw, "status": status})
    return Patch(
        kind=Kind.MAINTENANCE, namespace="", name=asked.name, ops=ops, why=phase, subresource="status", events=told
    )


def _message(world: MaintenanceWorld, guests: tuple[Guest, ...], phase: str) -> str:
    if world.node is None:
        return f"there is no node {world.name}"
    left = [guest for guest in guests if guest.state not in GONE]
    if not left:
        return "no guest is left on the node"
    first = left[0]
    why = f" ({first.reason})" if first.reason else ""
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    late = "the deadline is over; " if phase == EXPIRED else ""
    return f"{late}still there: {first.namespace}/{first.name}{why}{more}"


def _told(asked: Seen, phase: str, message: str) -> Event:
    return Event(about=asked.raw, type="Warning" if phase == EXPIRED else "Normal", reason=phase, message=message)
