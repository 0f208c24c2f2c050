"""Users' calls through virt-api: each is read, decided and written by the product's own code, one step at a time.

A call reads the VM, then its VMI, decides (`virt_api.plan.lifecycle`), writes one patch after the other, and is
answered with the last. Between two steps anything may happen: another user's call, the controllers, the end of
virt-api, after which nobody is answered. Where a write is refused, those before it are taken back.

What was answered is *owed* until it has come true:

| owed | until |
|---|---|
| `Ended`: that VMI | it is over or gone |
| `Started`: a VMI made after the call had read | there is one; void if a stop knew of it, or the VM is halted or goes |
| `Hastened`: seconds of grace for that VMI | no call is under way: then it has them, or those of another call |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.worlds.search import Broken
from tests.worlds.server import Refused, Server
from tests.worlds.state import Call, Ended, Hastened, Json, Left, Obj, Owed, Started, State
from virt_api.plan import lifecycle
from virt_api.plan.lifecycle import VM_SPEC, VM_STATUS, VMI_SPEC, Machine, Write, Writes
from virt_api.plan.options import RestartOptions, StartOptions, StopOptions
from virt_api.plan.status import CallFailed

#: what a user says -> (verb, options)
SAID: dict[str, tuple[str, Any]] = {
    "start": ("start", StartOptions()),
    "start paused": ("start", StartOptions(paused=True)),
    "stop": ("stop", StopOptions()),
    "stop at once": ("stop", StopOptions(grace_period=0)),
    "stop in 5 s": ("stop", StopOptions(grace_period=5)),
    "restart": ("restart", RestartOptions()),
    "restart at once": ("restart", RestartOptions(grace_period_seconds=0)),
}
_TARGETS = {VM_SPEC: ("vm", ""), VM_STATUS: ("vm", "status"), VMI_SPEC: ("vmi", "")}
_GRACE = "terminationGracePeriodSeconds"


class Step(NamedTuple):
    label: str
    state: State
    own: bool


class _Way(NamedTuple):
    """One write, as JSON that keeps its identity: the server knows by it what it has patched before."""

    slot: str
    subresource: str
    ops: list[Json]
    undo: list[Json]


class Requests:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._decided: dict[tuple[str, int, int | None], tuple[_Way, ...] | None] = {}

    # --- steps

    def steps(self, state: State) -> Iterator[Step]:
        for said in dict.fromkeys(state.budget.calls):
            if state.vm is not None:
                yield Step(f"a user says: {said}", self._begun(state, said), own=False)
        for call in dict.fromkeys(state.calls):
            yield self._next(state, call)
            yield Step(f"virt-api dies, asked to {call.said}", self._dead(state, call), own=False)

    def _dead(self, state: State, call: Call) -> State:
        """Nobody is answered. A grace period that it has written may stay."""
        after = _put(state, call, None)
        seconds = _grace_of(self._decide(call.said, call.vm, call.vmi) or ()) if call.done else None
        return after if seconds is None else _owing(after, {*after.owed, Hastened(self._uid(call), seconds)})

    def _begun(self, state: State, said: str) -> State:
        assert state.vm is not None
        left = list(state.budget.calls)
        left.remove(said)
        known = tuple(owed for owed in state.owed if isinstance(owed, Started))
        call = Call(said, vm=state.vm.body, made=state.uids, known=known)
        spent = state._replace(budget=state.budget._replace(calls=tuple(left)))
        return _put(spent, None, call)

    def _next(self, state: State, call: Call) -> Step:
        if not call.decided:
            vmi = None if state.vmi is None else state.vmi.body
            ways = self._decide(call.said, call.vm, vmi)
            after = None if ways is None else call._replace(decided=True, vmi=vmi)
            word = "is refused" if ways is None else "is decided"
            return Step(f"{call.said} {word}", _put(state, call, after), own=True)
        ways = self._decide(call.said, call.vm, call.vmi)
        assert ways is not None
        if call.failed:
            return self._take_back(state, call, ways)
        way = ways[call.done]
        try:
            written = self._write(state, way, way.ops)
        except Refused:
            failed = call._replace(failed=True) if call.done else None
            return Step(f"{call.said}: a write is refused", _put(state, call, failed), own=True)
        if way.slot == "vmi":
            self._meant(state, call)
        if call.done + 1 < len(ways):
            return Step(f"{call.said}: written", _put(written, call, call._replace(done=call.done + 1)), own=True)
        return Step(f"{call.said}: answered 202", self._answered(_put(written, call, None), call), own=True)

    def _take_back(self, state: State, call: Call, ways: tuple[_Way, ...]) -> Step:
        way = ways[call.done - 1]
        after = call._replace(done=call.done - 1) if call.done > 1 else None
        try:
            taken = self._write(state, way, way.undo)
        except Refused:
            return Step(f"{call.said}: there is nothing to take back", _put(state, call, after), own=True)
        return Step(f"{call.said}: taken back", _put(taken, call, after), own=True)

    # --- the product's decision and its writes

    def _decide(self, said: str, vm: int, vmi: int | None) -> tuple[_Way, ...] | None:
        """None: refused."""
        memo = (said, vm, vmi)
        if memo not in self._decided:
            verb, options = SAID[said]
            bodies = self._server.bodies
            machine = Machine(vm=bodies[vm], vmi=None if vmi is None else bodies[vmi])
            try:
                writes: Writes = lifecycle.VERBS[verb][0](machine, options)
            except CallFailed:
                self._decided[memo] = None
            else:
                self._decided[memo] = tuple(map(_way, writes))
        return self._decided[memo]

    def _write(self, state: State, way: _Way, ops: list[Json]) -> State:
        obj: Obj | None = getattr(state, way.slot)
        if obj is None:
            raise Refused("NotFound")
        return self._server.patch(state, way.slot, self._server.name(obj), ops, way.subresource, obj.version)[0]

    def _meant(self, state: State, call: Call) -> None:
        if state.vmi is not None and self._server.uid(state.vmi) != self._uid(call):
            raise Broken(f"{call.said} has changed another VMI than it was decided on")

    def _uid(self, call: Call) -> str:
        return "" if call.vmi is None else str(self._server.bodies[call.vmi]["metadata"]["uid"])

    # --- what is owed

    def _answered(self, state: State, call: Call) -> State:
        verb, _ = SAID[call.said]
        owed = set(state.owed)
        if verb == "stop":
            owed -= set(call.known)
        if verb in ("stop", "restart") and call.vmi is not None:
            owed.add(Ended(self._uid(call)))
        if verb in ("start", "restart"):
            owed.add(Started(call.made, paused=call.said == "start paused"))
        if (seconds := _grace_of(self._decide(call.said, call.vm, call.vmi) or ())) is not None:
            owed.add(Hastened(self._uid(call), seconds))
        return _owing(state, owed)

    def settled(self, state: State) -> State:
        """The state without what has come true or is void. Raises Broken where something else came."""
        if not state.owed:
            return state
        open_ = [owed for owed in state.owed if not self._true(state, owed)]
        if not state.calls:
            self._hastened(state, [owed for owed in open_ if isinstance(owed, Hastened)])
            open_ = [owed for owed in open_ if not isinstance(owed, Hastened)]
        return state if len(open_) == len(state.owed) else state._replace(owed=tuple(open_))

    def _true(self, state: State, owed: Owed) -> bool:
        if isinstance(owed, Left):
            return False  # judged at rest
        vmi = self._server.body(state.vmi)
        if isinstance(owed, Started):
            if vmi is None or int(vmi["metadata"]["uid"].partition("-")[2]) < owed.made:
                return self._void(state, owed)
            if owed.paused and vmi["spec"].get("startStrategy") != "Paused" and state.owed == (owed,):
                raise Broken("a paused start was answered, and the VMI is not paused")
            return True
        return vmi is None or vmi["metadata"]["uid"] != owed.uid or vmi["status"]["phase"] in ("Succeeded", "Failed")

    def _void(self, state: State, owed: Started) -> bool:
        vm = self._server.body(state.vm)
        if vm is None or "deletionTimestamp" in vm["metadata"]:
            return True
        return vm["spec"]["runStrategy"] == "Halted" and not owed.paused

    def _hastened(self, state: State, wanted: list[Hastened]) -> None:
        if wanted and state.vmi is not None:
            seconds = self._server.bodies[state.vmi.body]["spec"].get(_GRACE)
            if seconds not in [each.seconds for each in wanted]:
                raise Broken(f"answered {wanted}, and the VMI has {seconds}")


def _way(write: Write) -> _Way:
    slot, subresource = _TARGETS[write.target]
    return _Way(slot, subresource, list(write.ops), list(write.undo))


def _grace_of(ways: tuple[_Way, ...]) -> int | None:
    for way in ways:
        for op in way.ops:
            if op["op"] == "add" and op["path"].endswith(_GRACE):
                return int(op["value"])
    return None


def _owing(state: State, owed: set[Owed]) -> State:
    return state._replace(owed=tuple(sorted(owed, key=str)))


def _put(state: State, old: Call | None, new: Call | None) -> State:
    calls = list(state.calls)
    if old is not None:
        calls.remove(old)
    return state._replace(calls=tuple(sorted([*calls, *([new] if new is not None else [])], key=str)))
