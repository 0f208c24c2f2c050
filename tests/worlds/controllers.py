"""virt-controller in a small cluster: its real plans, performed one step at a time.

A step is one question to the API or one write. Between two steps anything may happen, and the process may die: its pass
is then simply dropped. Plans are pure, so each is computed once per distinct input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from api.time import parse_time
from tests.worlds.server import Refused, Server, clock
from tests.worlds.state import Json, Obj, Pass, Seen, State, Which
from virt_controller.plan import vm as vm_planner
from virt_controller.plan import vmi as vmi_planner
from virt_controller.plan.actions import Create, Delete, Kind, Merge, Plan, Question
from virt_controller.plan.vm_world import VmWorld
from virt_controller.plan.vmi_world import VmiWorld
from virt_model.config import ClusterConfig
from virt_model.seen import Pod, Vm, Vmi

CONFIG = ClusterConfig(use_emulation=True)
IMAGE = "launcher"
SLOTS = {Kind.VM: "vm", Kind.VMI: "vmi", Kind.POD: "pods"}
PINNED = "pinned"


class Wrote(NamedTuple):
    """One successful write of a controller, for the laws to judge."""

    action: Any
    before: State
    after: State
    was: Seen  # what the controller had looked at


class Step(NamedTuple):
    """Where a controller has come: the cluster, its pass if it is still in one, and what it wrote."""

    state: State
    passing: Pass | None
    wrote: Wrote | None


class Controllers:
    def __init__(self, server: Server) -> None:
        self.server = server
        self._plans: dict[Any, Plan] = {}

    # --- planning

    def plan(self, which: Which, passing: Pass, hours: int) -> Plan | None:
        """None when there is no object to plan for."""
        seen = passing.seen
        if (seen.vm if which == "vm" else seen.vmi) is None:
            return None
        bodies = (seen.vm and seen.vm.body, seen.vmi and seen.vmi.body, tuple(pod.body for pod in seen.pods))
        memo = (which, bodies, passing.live, passing.revisions, passing.revision_asked, hours)
        if memo not in self._plans:
            planned = self._plan_vm(passing, hours) if which == "vm" else self._plan_vmi(passing, hours)
            self._plans[memo] = planned
        return self._plans[memo]

    def _plan_vm(self, passing: Pass, hours: int) -> Plan:
        vm, vmi = self._raw(passing.seen.vm), self._raw(passing.seen.vmi)
        assert vm is not None
        return vm_planner.plan(
            VmWorld(
                vm=Vm(vm),
                vmi=Vmi(vmi) if vmi else None,
                live=passing.live,
                revisions=passing.revisions,
                started_spec=vm["spec"] if passing.revision_asked else None,
                started_spec_asked=passing.revision_asked,
                now=_now(hours),
            )
        )

    def _plan_vmi(self, passing: Pass, hours: int) -> Plan:
        raw = self._raw(passing.seen.vmi)
        assert raw is not None
        vmi = Vmi(raw)
        owner = vmi.controller()
        pods = tuple(
            pod for pod in (Pod(self._raw(each) or {}) for each in passing.seen.pods) if pod.controlled_by(vmi.uid)
        )
        vm = self._raw(passing.seen.vm)
        counts = owner is not None and vm is not None and vm["metadata"]["uid"] == owner["uid"] and not vmi.ran
        return vmi_planner.plan(
            VmiWorld(
                vmi=vmi,
                pods=pods,
                live=passing.live,
                vm_counts=counts,
                config=CONFIG,
                launcher_image=IMAGE,
                now=_now(hours),
            )
        )

    def _raw(self, obj: Obj | None) -> Json | None:
        body = self.server.body(obj)
        if body is None:
            return None
        return {**body, "metadata": {**body["metadata"], "resourceVersion": PINNED}}

    # --- stepping

    def look(self, which: Which, state: State, seen: Seen) -> Step | None:
        """A pass on what is seen, up to where time matters; None when it would do nothing."""
        passing = Pass(seen)
        plan = self.plan(which, passing, state.hours)
        while plan is not None and plan.ask is not None:
            answered = self._answer(which, plan.ask, state, passing)
            if answered is None:
                return None
            passing, plan = answered, self.plan(which, answered, state.hours)
        if plan is None or plan.action is None:
            return None
        if passing.live and isinstance(plan.action, Create | Delete):
            return Step(state, passing, None)
        return self.act(which, state, passing)

    def act(self, which: Which, state: State, passing: Pass) -> Step:
        """The write that a pass is at. The pass is followed on only into another creation or deletion."""
        plan = self.plan(which, passing, state.hours)
        assert plan is not None and plan.action is not None
        try:
            after, answer = self._perform(state, passing, plan.action)
        except Refused:
            return Step(state, None, None)
        looked = passing.seen if passing.live else state.seen
        wrote = Wrote(plan.action, state, after, looked)
        learned = self._learned(passing, plan.action, answer)
        follows = self.plan(which, learned, state.hours)
        risky = follows is not None and isinstance(follows.action, Create | Delete)
        return Step(after, learned if risky else None, wrote)

    def _answer(self, which: Which, question: Question, state: State, passing: Pass) -> Pass | None:
        if question is Question.REVISION:
            return passing._replace(revision_asked=True)
        if (state.vm if which == "vm" else state.vmi) is None:
            return None
        if (
            which == "vmi"
            and passing.seen.vmi
            and state.vmi
            and self.server.uid(passing.seen.vmi) != self.server.uid(state.vmi)
        ):
            return None
        pods = state.pods if which == "vmi" else passing.seen.pods
        vm = state.vm if which == "vm" else passing.seen.vm
        return passing._replace(seen=Seen(vm, state.vmi, pods), live=True, revisions=state.revisions)

    def _perform(self, state: State, passing: Pass, action: Any) -> tuple[State, Obj | None]:
        if action.kind is Kind.REVISION:
            return _revision(state, action), None
        slot = SLOTS[action.kind]
        if isinstance(action, Create):
            return self._create(state, slot, action)
        if isinstance(action, Delete):
            return self.server.delete(state, slot, action.name, action.uid)
        if isinstance(action, Merge):
            return self.server.merge_pod(state, action.name, action.body)
        base = passing.seen.vm if action.kind is Kind.VM else passing.seen.vmi
        assert base is not None
        return self.server.patch(state, slot, action.name, action.ops, action.subresource, base.version)

    def _create(self, state: State, slot: str, action: Create) -> tuple[State, Obj]:
        try:
            return self.server.create(state, slot, dict(action.body))
        except Refused:
            present = state.vmi if slot == "vmi" else self._pod(state, action.body["metadata"]["name"])
            assert present is not None
            owners = self.server.bodies[present.body]["metadata"].get("ownerReferences", ())
            if owners and owners[0]["uid"] == action.body["metadata"]["ownerReferences"][0]["uid"]:
                return state, present
            raise

    def _pod(self, state: State, name: str) -> Obj | None:
        return next((pod for pod in state.pods if self.server.name(pod) == name), None)

    def _learned(self, passing: Pass, action: Any, answer: Obj | None) -> Pass:
        seen = passing.seen
        if action.kind is Kind.REVISION:
            gone = isinstance(action, Delete)
            names = (
                {*passing.revisions} - {action.name} if gone else {*passing.revisions, action.body["metadata"]["name"]}
            )
            return passing._replace(revisions=tuple(sorted(names)))
        if action.kind is Kind.VM:
            return passing._replace(seen=seen._replace(vm=answer))
        if action.kind is Kind.VMI:
            return passing._replace(seen=seen._replace(vmi=answer))
        name = action.body["metadata"]["name"] if isinstance(action, Create) else action.name
        others = tuple(pod for pod in seen.pods if self.server.name(pod) != name)
        pods = others if answer is None else tuple(sorted((*others, answer), key=self.server.name))
        return passing._replace(seen=seen._replace(pods=pods))


def _revision(state: State, action: Any) -> State:
    if isinstance(action, Delete):
        return state._replace(revisions=tuple(each for each in state.revisions if each != action.name))
    name = action.body["metadata"]["name"]
    return state._replace(revisions=tuple(sorted({*state.revisions, name})))


def _now(hours: int) -> float:
    return parse_time(clock(hours))


def stale_views(which: Which, now: Seen, frozen: Seen) -> Iterator[Seen]:
    """Mixtures of what is and what was, in what matters to a controller: each watch may lag by itself."""
    mixed = {
        "vm": (frozen, now._replace(vm=frozen.vm), now._replace(vmi=frozen.vmi)),
        "vmi": (frozen, now._replace(vmi=frozen.vmi), now._replace(pods=frozen.pods)),
    }
    yield from dict.fromkeys(seen for seen in mixed[which] if seen != now)
