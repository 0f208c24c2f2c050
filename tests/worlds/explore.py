"""What may happen next in a small cluster of one VM and one VMI: the edges that `search` follows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.worlds import agents
from tests.worlds.controllers import Controllers, Step, stale_views
from tests.worlds.laws import MachineLaws
from tests.worlds.requests import Requests
from tests.worlds.search import Edge, Laws, Report, search
from tests.worlds.server import Server
from tests.worlds.state import Pass, Seen, State, Which, key

#: waits of one life: a back-off, and a pod that went politely
MOST_HOURS = 3
BOTH: tuple[Which, Which] = ("vm", "vmi")


class Explorer:
    def __init__(self, most_states: int = 400_000) -> None:
        self.server = Server()
        self._controllers = Controllers(self.server)
        self._laws = MachineLaws(self.server)
        self._requests = Requests(self.server)
        self._most = most_states
        self._patient = False

    def explore(self, start: State) -> Report:
        """Raises Broken with the way to the state where a law is broken."""
        self._patient = bool(start.budget.stale or start.budget.takeovers or start.budget.calls)
        laws = Laws(self._laws.state, self._laws.write, lambda state: self._laws.rest(state, self._waits(state)))
        return search(start, self._sorted_out, key, laws, self._most)

    def settled(self, state: State) -> State:
        """Where one order of own steps leads: nothing fails, nobody comes from outside."""
        while own := next((edge for edge in self._edges(state) if edge.own), None):
            state = key(own.state)
        return state

    def _sorted_out(self, state: State) -> list[Edge[State]]:
        """The edges to follow. Where faults make worlds big, writes that only show something wait until nothing else
        moves: no decision depends on them.
        """
        edges = [edge._replace(state=self._requests.settled(edge.state)) for edge in self._edges(state)]
        busy = any(edge.own and not _shows(edge) for edge in edges)
        if not self._patient or not busy:
            return edges
        return [edge for edge in edges if not _shows(edge)]

    def _edges(self, state: State) -> Iterator[Edge[State]]:
        for label, after in agents.steps(self.server, state):
            yield Edge(label, after, own=True)
        for label, after in agents.outside(self.server, state):
            yield Edge(label, after, own=False)
        for label, after, own in self._requests.steps(state):
            yield Edge(label, after, own)
        for which in BOTH:
            yield from self._controller(which, state)
        yield from self._faults(state)
        yield from self._clock(state)

    def _controller(self, which: Which, state: State) -> Iterator[Edge[State]]:
        slot = f"{which}_pass"
        passing: Pass | None = getattr(state, slot)
        if passing is not None:
            done = self._controllers.act(which, state, passing)
            yield Edge(f"{which}: {_name(done)}", done.state._replace(**{slot: done.passing}), True, done.wrote)
            yield Edge(f"{which} dies", state._replace(**{slot: None}), own=False)
            return
        looked = self._controllers.look(which, state, state.seen)
        if looked is not None:
            yield Edge(f"{which}: {_name(looked)}", looked.state._replace(**{slot: looked.passing}), True, looked.wrote)
        if state.frozen is not None:
            yield from self._old_looks(which, slot, state, state.frozen)

    def _old_looks(self, which: Which, slot: str, state: State, frozen: Seen) -> Iterator[Edge[State]]:
        left = state.budget.stale - 1
        spent = state._replace(budget=state.budget._replace(stale=left), frozen=frozen if left else None)
        for seen in stale_views(which, state.seen, frozen):
            looked = self._controllers.look(which, spent, seen)
            if looked is not None:
                after = looked.state._replace(**{slot: looked.passing})
                yield Edge(f"{which} from an old cache: {_name(looked)}", after, False, looked.wrote)

    def _faults(self, state: State) -> Iterator[Edge[State]]:
        budget = state.budget
        if state.frozen is not None:
            yield Edge("caches follow again", state._replace(frozen=None, budget=budget._replace(stale=0)), own=True)
        elif budget.stale:
            yield Edge("caches stop following", state._replace(frozen=state.seen), own=False)
        if state.zombie is not None:
            which, passing = state.zombie
            done = self._controllers.act(which, state, passing)
            zombie = None if done.passing is None else (which, done.passing)
            yield Edge(f"old leader, {which}: {_name(done)}", done.state._replace(zombie=zombie), True, done.wrote)
        elif budget.takeovers:
            spent = budget._replace(takeovers=budget.takeovers - 1)
            for which in BOTH:
                held: Pass | None = getattr(state, f"{which}_pass")
                if held is not None:
                    taken = state._replace(**{f"{which}_pass": None}, zombie=(which, held), budget=spent)
                    yield Edge(f"a new leader, the old one still in its {which} pass", taken, own=False)

    def _clock(self, state: State) -> Iterator[Edge[State]]:
        """Time passes only when everybody waits for it."""
        if state.hours < MOST_HOURS and self._waits(state) and not any(agents.steps(self.server, state)):
            idle = (
                not state.calls
                and state.vm_pass is None
                and state.vmi_pass is None
                and state.zombie is None
                and state.frozen is None
            )
            if idle and not any(self._controllers.look(which, state, state.seen) for which in BOTH):
                yield Edge("an hour passes", state._replace(hours=state.hours + 1), own=True)

    def _waits(self, state: State) -> bool:
        for which in BOTH:
            plan = self._controllers.plan(which, Pass(state.seen), state.hours)
            if plan is not None and plan.again_in is not None:
                return True
        return False


def _shows(edge: Edge[State]) -> bool:
    """Whether it writes what only people read, and not that a request is answered."""
    if edge.wrote is None or edge.wrote.action.why not in ("show", "conditions"):
        return False
    return not any("stateChangeRequests" in op["path"] for op in getattr(edge.wrote.action, "ops", ()))


def _name(step: Step) -> str:
    if step.wrote is None:
        return "asks" if step.passing is not None else "is refused"
    action = step.wrote.action
    return f"{type(action).__name__.lower()} {action.kind.value} ({action.why})"
