"""A replica set and its VMIs as an immutable value, and everybody but its controller: user, guests, garbage collector.

A VMI here is what its phase and its metadata tell; how a launcher comes and goes is explored elsewhere. One that is
deleted takes a step to go, as one does whose guest has to power off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from api.lens_patch import PatchError, apply_patch
from tests.worlds.state import Bodies, Json, Obj
from virt_controller.plan.actions import Create, Delete, Patch
from virt_model.labels import ORPHAN_FINALIZER

THEN = "2026-01-01T00:00:00Z"
READY: Json = {"conditions": [{"type": "Ready", "status": "True"}]}
TEMPLATE: Json = {"metadata": {"labels": {"app": "a"}}, "spec": {"domain": {"devices": {}}}}


class Refused(Exception):
    """The call had no effect: a precondition failed, or nothing is there."""


class Seen(NamedTuple):
    """What the controller has in hand."""

    replicaset: Obj | None
    vmis: tuple[Obj, ...]  # by name


class Pass(NamedTuple):
    """The controller about to do what cannot be taken back."""

    seen: Seen
    live: bool = False
    done: int = 0


class Budget(NamedTuple):
    """What may still happen from outside."""

    user: tuple[str, ...] = ()  # each of these once, in any order
    guest_ends: int = 0
    stale: int = 0  # looks at a cache that has stopped following
    takeovers: int = 0  # times a leader is replaced in the middle of a pass, and finishes it later all the same


class State(NamedTuple):
    replicaset: Obj | None
    vmis: tuple[Obj, ...]
    uids: int
    held: Pass | None
    zombie: Pass | None
    frozen: Seen | None
    budget: Budget

    @property
    def seen(self) -> Seen:
        return Seen(self.replicaset, self.vmis)


class Cluster:
    """Calls give the new state; nothing is kept in here but the interned bodies."""

    def __init__(self) -> None:
        self.bodies = Bodies()

    def body(self, obj: Obj | None) -> Json | None:
        return None if obj is None else self.bodies[obj.body]

    def bodies_of(self, vmis: tuple[Obj, ...]) -> list[Json]:
        return [self.bodies[vmi.body] for vmi in vmis]

    def vmi(self, state: State, name: str) -> Obj:
        for vmi in state.vmis:
            if self.bodies[vmi.body]["metadata"]["name"] == name:
                return vmi
        raise Refused("NotFound")

    # --- calls of the API

    def begin(self, replicas: int, budget: Budget) -> State:
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachineInstanceReplicaSet",
            "metadata": {"name": "a", "namespace": "n", "uid": "rs"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "a"}}, "template": TEMPLATE},
        }
        return State(Obj(self.bodies.number(body), 1), (), 0, None, None, None, budget)

    def perform(self, state: State, seen: Seen, action: Any) -> tuple[State, Obj | None]:
        """Gives the object as it is then; None when it is gone."""
        if isinstance(action, Create):
            return self._create(state, action.body)
        if isinstance(action, Delete):
            vmi = self.vmi(state, action.name)
            if self.bodies[vmi.body]["metadata"]["uid"] != action.uid:
                raise Refused("Conflict")
            return self.delete(state, vmi), self.vmi(self.delete(state, vmi), action.name)
        assert isinstance(action, Patch)
        if action.kind.value == "VirtualMachineInstance":
            return self._patch_vmi(state, seen, action)
        old = state.replicaset
        if old is None or seen.replicaset is None or old.version != seen.replicaset.version:
            raise Refused("Conflict")
        changed = self.put(state, self._patched(old, action))
        return changed, changed.replicaset

    def _create(self, state: State, body: Json) -> tuple[State, Obj]:
        name = body["metadata"]["name"]
        try:
            present = self.vmi(state, name)
        except Refused:
            metadata = {**body["metadata"], "uid": f"uid-{state.uids}", "creationTimestamp": THEN}
            made = self._obj(state, {**body, "metadata": metadata, "status": {"phase": "Pending"}})
            return self._with(state, made)._replace(uids=state.uids + 1), made
        owners = self.bodies[present.body]["metadata"].get("ownerReferences") or [{}]
        if owners[0].get("uid") != body["metadata"]["ownerReferences"][0]["uid"]:
            raise Refused("AlreadyExists")
        return state, present

    def _patch_vmi(self, state: State, seen: Seen, action: Patch) -> tuple[State, Obj]:
        old = self.vmi(state, action.name)
        known = [vmi for vmi in seen.vmis if self.bodies[vmi.body]["metadata"]["name"] == action.name]
        if [old.version] != [vmi.version for vmi in known]:
            raise Refused("Conflict")
        changed = self._with(state, self._obj(state, self._patched(old, action)), old)
        return changed, self.vmi(changed, action.name)

    def _patched(self, old: Obj, action: Patch) -> Json:
        try:
            after: Json = apply_patch(self.bodies[old.body], action.ops[1:])
        except PatchError:
            raise Refused("Conflict") from None
        return after

    def put(self, state: State, body: Json) -> State:
        """Another replica set in place of the one that is there."""
        return state._replace(replicaset=self._obj(state, body))

    def change(self, state: State, vmi: Obj, status: Json | None = None, **metadata: Any) -> State:
        body = self.bodies[vmi.body]
        new = {**body, "metadata": {**body["metadata"], **metadata}, "status": {**body["status"], **(status or {})}}
        return self._with(state, self._obj(state, new), vmi)

    def delete(self, state: State, vmi: Obj) -> State:
        if "deletionTimestamp" in self.bodies[vmi.body]["metadata"]:
            return state
        return self.change(state, vmi, deletionTimestamp=THEN)

    def drop(self, state: State, vmi: Obj) -> State:
        return state._replace(vmis=tuple(each for each in state.vmis if each != vmi))

    def add_stray(self, state: State) -> State:
        metadata = {"name": "stray", "namespace": "n", "labels": {"app": "a"}, "uid": f"uid-{state.uids}"}
        body = {"metadata": {**metadata, "creationTimestamp": THEN}, "spec": {}, "status": {"phase": "Pending"}}
        return self._with(state, self._obj(state, body))._replace(uids=state.uids + 1)

    def _with(self, state: State, vmi: Obj, instead_of: Obj | None = None) -> State:
        others = [each for each in state.vmis if each != instead_of]
        named = sorted([*others, vmi], key=lambda each: str(self.bodies[each.body]["metadata"]["name"]))
        return state._replace(vmis=tuple(named))

    def _obj(self, state: State, body: Json) -> Obj:
        metadata = {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}
        versions = [obj.version for seen in in_hand(state) for obj in objects(seen)]
        return Obj(self.bodies.number({**body, "metadata": metadata}), max(versions, default=0) + 1)


def objects(seen: Seen) -> list[Obj]:
    return [*([seen.replicaset] if seen.replicaset else []), *seen.vmis]


def in_hand(state: State) -> list[Seen]:
    passes = [each.seen for each in (state.held, state.zombie) if each is not None]
    return [state.seen, *passes, *([state.frozen] if state.frozen is not None else [])]


def key(state: State) -> State:
    """The state with its versions replaced by their ranks."""
    versions = {obj.version for seen in in_hand(state) for obj in objects(seen)}
    if not versions or max(versions) == len(versions) - 1:
        return state  # they are ranks
    rank = {version: index for index, version in enumerate(sorted(versions))}

    def one(obj: Obj) -> Obj:
        return Obj(obj.body, rank[obj.version])

    def all_(seen: Seen) -> Seen:
        return Seen(one(seen.replicaset) if seen.replicaset else None, tuple(map(one, seen.vmis)))

    def passing(each: Pass | None) -> Pass | None:
        return None if each is None else each._replace(seen=all_(each.seen))

    now = all_(state.seen)
    frozen = None if state.frozen is None else all_(state.frozen)
    held, zombie = passing(state.held), passing(state.zombie)
    return state._replace(replicaset=now.replicaset, vmis=now.vmis, held=held, zombie=zombie, frozen=frozen)


# --- the others

Step = tuple[str, State]


def steps(cluster: Cluster, state: State) -> Iterator[Step]:
    """What the cluster does by itself."""
    replicaset = cluster.body(state.replicaset)
    orphaning = replicaset is not None and ORPHAN_FINALIZER in replicaset["metadata"].get("finalizers", ())
    for vmi in state.vmis:
        body = cluster.bodies[vmi.body]
        metadata, phase = body["metadata"], body["status"]["phase"]
        if "deletionTimestamp" in metadata:
            yield "a VMI goes", cluster.drop(state, vmi)
        elif phase == "Pending":
            yield "a guest runs", cluster.change(state, vmi, {"phase": "Running", **READY})
        if metadata.get("ownerReferences") and "deletionTimestamp" not in metadata:
            if replicaset is None:
                yield "collect VMI", cluster.delete(state, vmi)
            elif orphaning:
                yield "make an orphan", cluster.change(state, vmi, ownerReferences=[])
    if orphaning and not any(body["metadata"].get("ownerReferences") for body in cluster.bodies_of(state.vmis)):
        yield "the replica set goes", state._replace(replicaset=None)


def outside(cluster: Cluster, state: State) -> Iterator[Step]:
    """What comes from outside and is counted."""
    if state.budget.guest_ends:
        spent = state._replace(budget=state.budget._replace(guest_ends=state.budget.guest_ends - 1))
        for vmi in state.vmis:
            if cluster.bodies[vmi.body]["status"]["phase"] == "Running":
                yield "a guest ends", cluster.change(spent, vmi, {"phase": "Succeeded", "conditions": []})
    for action in state.budget.user:
        rest = tuple(each for each in state.budget.user if each != action)
        try:
            changed = USER[action](cluster, state)
        except Refused:
            continue
        yield f"user: {action}", changed._replace(budget=state.budget._replace(user=rest))


def _spec(**changes: Any) -> Callable[[Cluster, State], State]:
    def change(cluster: Cluster, state: State) -> State:
        body = cluster.body(state.replicaset)
        if body is None or "deletionTimestamp" in body["metadata"] or changes.items() <= body["spec"].items():
            raise Refused("nothing to change")
        return cluster.put(state, {**body, "spec": {**body["spec"], **changes}})

    return change


def _remove(cluster: Cluster, state: State) -> State:
    if state.replicaset is None:
        raise Refused("nothing to delete")
    return state._replace(replicaset=None)


def _orphan(cluster: Cluster, state: State) -> State:
    body = cluster.body(state.replicaset)
    if body is None:
        raise Refused("nothing to delete")
    metadata = {**body["metadata"], "deletionTimestamp": THEN, "finalizers": [ORPHAN_FINALIZER]}
    return cluster.put(state, {**body, "metadata": metadata})


def _first(cluster: Cluster, state: State) -> Obj:
    if not state.vmis:
        raise Refused("nothing there")
    return state.vmis[0]


USER: dict[str, Callable[[Cluster, State], State]] = {
    "scale to 0": _spec(replicas=0),
    "scale to 1": _spec(replicas=1),
    "scale to 2": _spec(replicas=2),
    "pause": _spec(paused=True),
    "resume": _spec(paused=False),
    "delete": _remove,
    "delete, leaving orphans": _orphan,
    "delete a VMI": lambda cluster, state: cluster.delete(state, _first(cluster, state)),
    "relabel a VMI": lambda cluster, state: cluster.change(state, _first(cluster, state), labels={"app": "b"}),
    "make a stray": lambda cluster, state: cluster.add_stray(state),
}
