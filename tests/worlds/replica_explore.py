"""The replica set controller's real plan in small worlds, one step at a time, and the laws it must keep.

A pass goes on by itself until it is about to make or delete a VMI: there the time between look and write counts, so it
is held in the state, where it may be dropped (a crash) or kept by a leader that has been replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from api.time import parse_time
from tests.worlds import replica_cluster
from tests.worlds.replica_cluster import THEN, Budget, Cluster, Pass, Refused, Seen, State, key
from tests.worlds.search import Broken, Edge, Laws, Report, search
from tests.worlds.state import Json, Obj
from virt_controller.plan import replicaset as planner
from virt_controller.plan.actions import Create, Delete, Kind, Plan
from virt_controller.plan.replicaset_world import ReplicaSet, ReplicaSetWorld
from virt_model.seen import Vmi

#: name -> (replicas at first, what may happen)
SCENARIOS: dict[str, tuple[int, Budget]] = {
    "scaled, stale": (1, Budget(user=("scale to 2", "scale to 0"), stale=1)),
    "scaled down, two leaders": (2, Budget(user=("scale to 1",), takeovers=1)),
    "scaled up, two leaders": (1, Budget(user=("scale to 2",), takeovers=1)),
    "guests end": (2, Budget(guest_ends=2)),
    "guests end, stale": (1, Budget(guest_ends=1, stale=2)),
    "VMI deleted, stale": (2, Budget(user=("delete a VMI",), stale=1)),
    "paused": (1, Budget(user=("pause", "scale to 2", "resume"), guest_ends=1)),
    "stray": (1, Budget(user=("make a stray",), stale=1)),
    "relabelled": (1, Budget(user=("relabel a VMI",), stale=1)),
    "deleted": (2, Budget(user=("delete",), stale=1)),
    "deleted, two leaders": (2, Budget(user=("delete",), takeovers=1)),
    "orphans": (2, Budget(user=("delete, leaving orphans",), stale=1)),
}


class Wrote(NamedTuple):
    """One successful write, for the laws to judge."""

    action: Any
    before: State
    after: State
    was: Seen  # what the controller had looked at


class Done(NamedTuple):
    state: State
    held: Pass | None
    wrote: Wrote | None


class Explorer:
    def __init__(self) -> None:
        self.cluster = Cluster()
        self._plans: dict[Any, Plan | None] = {}

    def explore(self, name: str) -> Report:
        """Raises Broken."""
        replicas, budget = SCENARIOS[name]
        laws = Laws(lambda state: None, self._judge, self._rest)
        return search(self.cluster.begin(replicas, budget), self._edges, key, laws, 200_000)

    # --- the controller

    def _plan(self, passing: Pass) -> Plan | None:
        seen = passing.seen
        if seen.replicaset is None:
            return None
        memo = (seen.replicaset.body, tuple(vmi.body for vmi in seen.vmis), passing.live, passing.done)
        if memo not in self._plans:
            world = ReplicaSetWorld(
                replicaset=ReplicaSet(self._raw(seen.replicaset)),
                vmis=tuple(Vmi(self._raw(vmi)) for vmi in seen.vmis),
                live=passing.live,
                done=passing.done,
                now=parse_time(THEN),
            )
            self._plans[memo] = planner.plan(world)
        return self._plans[memo]

    def _raw(self, obj: Obj) -> Json:
        body = self.cluster.bodies[obj.body]
        return {**body, "metadata": {**body["metadata"], "resourceVersion": "pinned"}}

    def _look(self, state: State, seen: Seen) -> Done | None:
        passing, plan = Pass(seen), self._plan(Pass(seen))
        if plan is not None and plan.ask is not None:
            if state.replicaset is None:
                return None
            passing = Pass(state.seen, live=True)
            plan = self._plan(passing)
        if plan is None or plan.action is None:
            return None
        if isinstance(plan.action, Create | Delete):
            if not passing.live:
                raise Broken(f"{plan.action.why}: on the word of the cache")
            return Done(state, passing, None)
        return self._act(state, passing)

    def _act(self, state: State, passing: Pass) -> Done:
        plan = self._plan(passing)
        assert plan is not None and plan.action is not None
        try:
            after, answer = self.cluster.perform(state, passing.seen, plan.action)
        except Refused:
            return Done(state, None, None)
        learned = self._learned(passing, plan.action, answer)
        follows = self._plan(learned)
        risky = follows is not None and isinstance(follows.action, Create | Delete)
        wrote = Wrote(plan.action, state, after, passing.seen if passing.live else state.seen)
        return Done(after, learned if risky else None, wrote)

    def _learned(self, passing: Pass, action: Any, answer: Obj | None) -> Pass:
        if action.kind is Kind.REPLICASET:
            return passing._replace(seen=passing.seen._replace(replicaset=answer))
        name = action.body["metadata"]["name"] if isinstance(action, Create) else action.name
        others = [vmi for vmi in passing.seen.vmis if self._name(vmi) != name]
        vmis = tuple(sorted([*others, *([answer] if answer is not None else [])], key=self._name))
        return passing._replace(seen=passing.seen._replace(vmis=vmis), done=passing.done + 1)

    def _name(self, vmi: Obj) -> str:
        return str(self.cluster.bodies[vmi.body]["metadata"]["name"])

    # --- what may happen next

    def _edges(self, state: State) -> Iterator[Edge[State]]:
        for label, after in replica_cluster.steps(self.cluster, state):
            yield Edge(label, after, own=True)
        for label, after in replica_cluster.outside(self.cluster, state):
            yield Edge(label, after, own=False)
        yield from self._controller(state)
        yield from self._faults(state)

    def _controller(self, state: State) -> Iterator[Edge[State]]:
        if state.held is not None:
            done = self._act(state, state.held)
            yield Edge(_label(done), done.state._replace(held=done.held), True, done.wrote)
            yield Edge("the controller dies", state._replace(held=None), own=False)
            return
        looked = self._look(state, state.seen)
        if looked is not None:
            yield Edge(_label(looked), looked.state._replace(held=looked.held), True, looked.wrote)
        if state.frozen is None or not state.budget.stale:
            return
        spent = state._replace(budget=state.budget._replace(stale=state.budget.stale - 1))
        for seen in (state.frozen, state.seen._replace(vmis=state.frozen.vmis), state.frozen._replace(vmis=state.vmis)):
            old = self._look(spent, seen)
            if old is not None:
                yield Edge(f"from an old cache: {_label(old)}", old.state._replace(held=old.held), False, old.wrote)

    def _faults(self, state: State) -> Iterator[Edge[State]]:
        budget = state.budget
        if state.frozen is not None:
            follows = state._replace(frozen=None, budget=budget._replace(stale=0))
            yield Edge("the cache follows again", follows, own=True)
        elif budget.stale:
            yield Edge("the cache stops following", state._replace(frozen=state.seen), own=False)
        if state.zombie is not None:
            done = self._act(state, state.zombie)
            yield Edge(f"old leader: {_label(done)}", done.state._replace(zombie=done.held), True, done.wrote)
        elif budget.takeovers and state.held is not None:
            spent = budget._replace(takeovers=budget.takeovers - 1)
            yield Edge("a new leader", state._replace(held=None, zombie=state.held, budget=spent), own=False)

    # --- laws: the user may change her mind between our look and our write, so either moment may justify the write

    def _judge(self, wrote: Wrote) -> None:
        if wrote.after is wrote.before:
            return  # what was to be made is there already, and ours
        moments = (wrote.was, wrote.before.seen)
        wanted = [self._counts(seen) for seen in moments]
        if isinstance(wrote.action, Create):
            active = len(self._active(wrote.after.seen))
            if not any(active <= count for count in wanted):
                raise Broken(f"{active} VMIs, where {wanted} were wanted")
        if isinstance(wrote.action, Delete):
            victim = self.cluster.bodies[self.cluster.vmi(wrote.before, wrote.action.name).body]
            over = victim["status"]["phase"] in ("Succeeded", "Failed") or "deletionTimestamp" in victim["metadata"]
            surplus = (0 <= self._counts(seen) < len(self._active(seen)) for seen in moments)
            if not over and not any(surplus):
                raise Broken(f"a VMI was deleted where {wanted} were wanted")

    def _counts(self, seen: Seen) -> int:
        """How many VMIs are wanted; -1 where nobody may touch them."""
        body = self.cluster.body(seen.replicaset)
        if body is None or body["spec"].get("paused") or "deletionTimestamp" in body["metadata"]:
            return -1
        return int(body["spec"]["replicas"])

    def _active(self, seen: Seen) -> list[Json]:
        return [
            vmi
            for vmi in self.cluster.bodies_of(seen.vmis)
            if vmi["metadata"].get("ownerReferences")
            and "deletionTimestamp" not in vmi["metadata"]
            and vmi["status"]["phase"] not in ("Succeeded", "Failed")
        ]

    def _rest(self, state: State) -> None:
        for law in self._at_rest(state):
            raise Broken(f"at rest: {law}")

    def _at_rest(self, state: State) -> Iterator[str]:
        vmis, body = self.cluster.bodies_of(state.vmis), self.cluster.body(state.replicaset)
        owned = [vmi for vmi in vmis if vmi["metadata"].get("ownerReferences")]
        if body is None:
            if owned:
                yield "the replica set is gone, its VMIs are not"
            return
        status, active = body.get("status", {}), self._active(state.seen)
        if status.get("replicas", 0) != len(active):
            yield f"{len(active)} VMIs, the status says {status}"
        if status.get("readyReplicas", 0) != len([vmi for vmi in active if vmi["status"].get("conditions")]):
            yield f"the status says {status.get('readyReplicas')} are ready"
        if status.get("labelSelector") != "app=a":
            yield "no selector for autoscalers"
        paused = any(each["type"] == "ReplicaPaused" for each in status.get("conditions", ()))
        if paused != bool(body["spec"].get("paused")):
            yield "whether it is paused is not told"
        if any(vmi["metadata"]["labels"]["app"] != "a" for vmi in owned):
            yield "it holds a VMI that it does not choose"
        if any(vmi["metadata"]["labels"]["app"] == "a" for vmi in vmis if vmi not in owned):
            yield "it leaves a VMI to nobody"
        if not paused and (len(active), len(owned)) != (body["spec"]["replicas"],) * 2:
            yield f"{len(active)} of {body['spec']['replicas']}, {len(owned) - len(active)} lie about"


def _label(done: Done) -> str:
    if done.wrote is None:
        return "asks" if done.held is not None else "is refused"
    action = done.wrote.action
    return f"{type(action).__name__.lower()} {action.kind.value} ({action.why})"
