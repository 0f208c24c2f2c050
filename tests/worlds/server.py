"""The API server of a small cluster: names are unique, versions guard, finalizers hold, owners take along."""

from __future__ import annotations

from typing import Any

from api.lens_patch import PatchError, apply_patch
from tests.worlds.state import Bodies, Json, Obj, State

NOW = "2026-01-01T00:00:00Z"
#: marks what was made when its owner was gone, going or, for a pod, past waiting: only a replaced leader does that
LATE = "late"


def clock(hours: int) -> str:
    return f"2026-01-01T{hours:02}:00:00Z"


class Refused(Exception):
    """The call had no effect: a precondition failed, or the name is taken, or nothing is there."""


class Server:
    """Calls give the new state; nothing is kept in here but the interned bodies."""

    def __init__(self) -> None:
        self.bodies = Bodies()
        self._patches: dict[tuple[int, int, str], tuple[int, list[Json]]] = {}

    # --- reading

    def body(self, obj: Obj | None) -> Json | None:
        return None if obj is None else self.bodies[obj.body]

    def uid(self, obj: Obj) -> str:
        return str(self.bodies[obj.body]["metadata"]["uid"])

    def name(self, obj: Obj) -> str:
        return str(self.bodies[obj.body]["metadata"]["name"])

    # --- writing

    def create(self, state: State, slot: str, body: Json) -> tuple[State, Obj]:
        name = body["metadata"]["name"]
        if slot == "pods":
            if any(self.name(pod) == name for pod in state.pods):
                raise Refused("AlreadyExists")
        elif getattr(state, slot) is not None:
            raise Refused("AlreadyExists")
        now = self._clock(state)
        admitted = _admitted(slot, body, now)
        own = {"uid": f"uid-{state.uids}", "creationTimestamp": now, "generation": 1}
        if not self._awaited(state, slot, body):
            own["annotations"] = {**body["metadata"].get("annotations", {}), LATE: "true"}
        made = self._stored(state, {**admitted, "metadata": {**admitted["metadata"], **own}})
        return self._put(state._replace(uids=state.uids + 1), slot, made), made

    def put(self, state: State, slot: str, old: Obj, body: Json) -> tuple[State, Obj | None]:
        """Replace `old`, which must be what is there. Gives None when that lets the object go."""
        return self._place(state, slot, old, self.bodies.number(body))

    def _place(self, state: State, slot: str, old: Obj, number: int) -> tuple[State, Obj | None]:
        if number == old.body:
            return state, old
        metadata = self.bodies[number]["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and slot != "pods":
            return self._drop(state, slot, old), None
        new = Obj(number, self._next_version(state))
        return self._put(self._without(state, slot, old), slot, new), new

    def patch(
        self, state: State, slot: str, name: str, ops: list[Json], subresource: str, version: int
    ) -> tuple[State, Obj | None]:
        """`version` is the one that a pinned patch names."""
        old = self._find(state, slot, name)
        if ops[0]["path"] == "/metadata/resourceVersion" and old.version != version:
            raise Refused("Conflict")
        return self._place(state, slot, old, self._patched(slot, old, ops, subresource))

    def _patched(self, slot: str, old: Obj, ops: list[Json], subresource: str) -> int:
        """The body after a patch; plans are computed once, so their operations are known by identity."""
        memo = (old.body, id(ops), subresource)
        if memo not in self._patches:
            pinned = ops[0]["path"] == "/metadata/resourceVersion"
            before = self.bodies[old.body]
            try:
                after: Any = apply_patch(before, _telling(before, ops[1:] if pinned else ops))
                number = self.bodies.number(_scoped(slot, before, after, subresource))
            except PatchError:
                number = -1
            self._patches[memo] = (number, ops)
        number = self._patches[memo][0]
        if number < 0:
            raise Refused("a tested field has changed")
        return number

    def merge_pod(self, state: State, name: str, body: Json) -> tuple[State, Obj | None]:
        old = self._find(state, "pods", name)
        before = self.bodies[old.body]
        if before["metadata"]["uid"] != body["metadata"]["uid"]:
            raise Refused("Conflict")
        metadata = {
            **before["metadata"],
            "labels": {**before["metadata"]["labels"], **body["metadata"].get("labels", {})},
        }
        status = dict(before["status"])
        for condition in body.get("status", {}).get("conditions", ()):
            others = [each for each in status.get("conditions", ()) if each["type"] != condition["type"]]
            status["conditions"] = [*others, condition]
        return self.put(state, "pods", old, {**before, "metadata": metadata, "status": status})

    def delete(self, state: State, slot: str, name: str, uid: str) -> tuple[State, Obj | None]:
        old = self._find(state, slot, name)
        body = self.bodies[old.body]
        if uid and body["metadata"]["uid"] != uid:
            raise Refused("Conflict")
        if "deletionTimestamp" in body["metadata"]:
            return state, old
        bound = slot == "pods" and body["spec"].get("nodeName")
        if not bound and not body["metadata"].get("finalizers"):
            return self._drop(state, slot, old), None
        generation = body["metadata"].get("generation", 1) + 1
        metadata = {**body["metadata"], "deletionTimestamp": self._clock(state), "generation": generation}
        return self.put(state, slot, old, {**body, "metadata": metadata})

    def drop(self, state: State, slot: str, old: Obj) -> State:
        return self._drop(state, slot, old)

    # --- inside

    def _awaited(self, state: State, slot: str, body: Json) -> bool:
        """Whether the owner is there to want it. virt-handler starts no guest in a pod whose VMI is not."""
        owners = body["metadata"].get("ownerReferences", ())
        owner = self.body(state.vm if slot == "vmi" else state.vmi)
        if not owners:
            return True
        if owner is None or owner["metadata"]["uid"] != owners[0]["uid"] or "deletionTimestamp" in owner["metadata"]:
            return False
        return slot == "vmi" or owner["status"]["phase"] in ("", "Pending", "Scheduling")

    def _clock(self, state: State) -> str:
        return clock(state.hours)

    def _stored(self, state: State, body: Json) -> Obj:
        body = {**body, "metadata": {key: value for key, value in body["metadata"].items() if key != "resourceVersion"}}
        return Obj(self.bodies.number(body), self._next_version(state))

    @staticmethod
    def _next_version(state: State) -> int:
        versions = [obj.version for obj in (state.vm, state.vmi, *state.pods) if obj is not None]
        in_hand = [each for each in (state.vm_pass, state.vmi_pass, state.zombie and state.zombie[1]) if each]
        seens = [each.seen for each in in_hand]
        for seen in [*seens, *([state.frozen] if state.frozen else [])]:
            versions += [obj.version for obj in (seen.vm, seen.vmi, *seen.pods) if obj is not None]
        return max(versions, default=0) + 1

    def _find(self, state: State, slot: str, name: str) -> Obj:
        found = [pod for pod in state.pods if self.name(pod) == name] if slot == "pods" else [getattr(state, slot)]
        if not found or found[0] is None:
            raise Refused("NotFound")
        return found[0]

    def _put(self, state: State, slot: str, obj: Obj) -> State:
        if slot == "pods":
            return state._replace(pods=tuple(sorted((*state.pods, obj), key=self.name)))
        return state._replace(**{slot: obj})

    def _without(self, state: State, slot: str, obj: Obj) -> State:
        if slot == "pods":
            return state._replace(pods=tuple(pod for pod in state.pods if self.name(pod) != self.name(obj)))
        return state._replace(**{slot: None})

    def _drop(self, state: State, slot: str, obj: Obj) -> State:
        return self._without(state, slot, obj)


def _admitted(slot: str, body: Json, now: str) -> Json:
    """What the mutating webhook and the API server add at creation."""
    if slot == "vmi":
        finalizers = [*body["metadata"].get("finalizers", ()), "kubevirt.io/foregroundDeleteVirtualMachine"]
        body["metadata"] = {**body["metadata"], "finalizers": finalizers}
        stamps = [{"phase": "Pending", "phaseTransitionTimestamp": now}]
        return {**body, "status": {**body.get("status", {}), "phase": "Pending", "phaseTransitionTimestamps": stamps}}
    if slot == "pods":
        return {**body, "status": {"phase": "Pending"}}
    return body


def _telling(before: Json, ops: list[Json]) -> list[Json]:
    """Without tests of null where nothing is: the API server passes them."""
    return [op for op in ops if op["op"] != "test" or op.get("value") is not None or _is_at(before, op["path"])]


def _is_at(body: Json, path: str) -> bool:
    found: Any = body
    for part in path.split("/")[1:]:
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return True


def _scoped(slot: str, before: Json, after: Json, subresource: str) -> Json:
    """A VM has a status subresource: each of the two doors changes one side. A changed spec is a new generation."""
    if slot != "vm":
        return after
    if subresource == "status":
        return {**before, "status": after.get("status", {})}
    changed = after.get("spec") != before.get("spec")
    generation = before["metadata"]["generation"] + (1 if changed else 0)
    whole = {**after, "metadata": {**after["metadata"], "generation": generation}}
    return {**whole, "status": before["status"]} if "status" in before else whole
