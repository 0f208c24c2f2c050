"""Breadth-first through every order of events of a small cluster, until no new state is found.

Besides the laws of `laws.py`, two hold for the graph as a whole: every state without a next step of its own is at rest,
and no circle of own steps contains a write that succeeded (else the controllers would write forever).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tests.worlds import agents
from tests.worlds.controllers import Controllers, Step, Wrote, stale_views
from tests.worlds.laws import Broken, Laws
from tests.worlds.server import Server
from tests.worlds.state import Pass, Seen, State, Which, key

#: waits of one life: a back-off, and a pod that went politely
MOST_HOURS = 3
BOTH: tuple[Which, Which] = ("vm", "vmi")


class Edge(NamedTuple):
    label: str
    state: State
    own: bool  # the cluster takes this step by itself, sooner or later
    wrote: Wrote | None = None


class Report(NamedTuple):
    states: int
    edges: int
    at_rest: int


class Explorer:
    def __init__(self, most_states: int = 400_000) -> None:
        self.server = Server()
        self._controllers = Controllers(self.server)
        self._laws = Laws(self.server)
        self._most = most_states
        self._patient = False

    def explore(self, start: State) -> Report:
        """Raises Broken with the way to the state where a law is broken."""
        self._patient = bool(start.budget.stale or start.budget.takeovers)
        start = key(start)
        numbers: dict[State, int] = {start: 0}
        parents: list[tuple[int, str]] = [(-1, "start")]
        own_edges: list[list[tuple[int, bool]]] = []
        queue, edges, at_rest, here = deque([start]), 0, 0, 0
        try:
            while queue:
                state = queue.popleft()
                here, own = len(own_edges), []
                for edge in self._sorted_out(state):
                    edges += 1
                    there = key(edge.state)
                    if there not in numbers:
                        numbers[there] = len(parents)
                        parents.append((here, edge.label))
                        queue.append(there)
                        self._judge_state(there)
                    if edge.wrote is not None:
                        self._judge_write(edge)
                    if edge.own:
                        own.append((numbers[there], edge.wrote is not None))
                own_edges.append(own)
                if not own:
                    at_rest += 1
                    self._laws.rest(state, self._waits(state))
                if len(numbers) > self._most:
                    raise Broken(f"more than {self._most} states: the world is not small")
        except Broken as broken:
            raise Broken(f"{broken}\n  way: {' → '.join(_way(parents, here))}") from None
        circle = _writing_circle(own_edges)
        if circle is not None:
            raise Broken(f"writes without end\n  way: {' → '.join(_way(parents, circle))}")
        return Report(len(numbers), edges, at_rest)

    def _judge_state(self, state: State) -> None:
        self._laws.state(state)

    def _judge_write(self, edge: Edge) -> None:
        assert edge.wrote is not None
        try:
            self._laws.write(edge.wrote)
        except Broken as broken:
            raise Broken(f"{broken} (at: {edge.label})") from None

    def _sorted_out(self, state: State) -> list[Edge]:
        """The edges to follow. Where faults make worlds big, writes that only show something wait until nothing else
        moves: no decision depends on them.
        """
        edges = list(self._edges(state))
        busy = any(edge.own and not _shows(edge) for edge in edges)
        if not self._patient or not busy:
            return edges
        return [edge for edge in edges if not _shows(edge)]

    def _edges(self, state: State) -> Iterator[Edge]:
        for label, after in agents.steps(self.server, state):
            yield Edge(label, after, own=True)
        for label, after in agents.outside(self.server, state):
            yield Edge(label, after, own=False)
        for which in BOTH:
            yield from self._controller(which, state)
        yield from self._faults(state)
        yield from self._clock(state)

    def _controller(self, which: Which, state: State) -> Iterator[Edge]:
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

    def _old_looks(self, which: Which, slot: str, state: State, frozen: Seen) -> Iterator[Edge]:
        left = state.budget.stale - 1
        spent = state._replace(budget=state.budget._replace(stale=left), frozen=frozen if left else None)
        for seen in stale_views(which, state.seen, frozen):
            looked = self._controllers.look(which, spent, seen)
            if looked is not None:
                after = looked.state._replace(**{slot: looked.passing})
                yield Edge(f"{which} from an old cache: {_name(looked)}", after, False, looked.wrote)

    def _faults(self, state: State) -> Iterator[Edge]:
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

    def _clock(self, state: State) -> Iterator[Edge]:
        """Time passes only when everybody waits for it."""
        if state.hours < MOST_HOURS and self._waits(state) and not any(agents.steps(self.server, state)):
            idle = state.vm_pass is None and state.vmi_pass is None and state.zombie is None and state.frozen is None
            if idle and not any(self._controllers.look(which, state, state.seen) for which in BOTH):
                yield Edge("an hour passes", state._replace(hours=state.hours + 1), own=True)

    def _waits(self, state: State) -> bool:
        for which in BOTH:
            plan = self._controllers.plan(which, Pass(state.seen), state.hours)
            if plan is not None and plan.again_in is not None:
                return True
        return False


def _shows(edge: Edge) -> bool:
    return edge.wrote is not None and edge.wrote.action.why in ("show", "conditions")


def _name(step: Step) -> str:
    if step.wrote is None:
        return "asks" if step.passing is not None else "is refused"
    action = step.wrote.action
    return f"{type(action).__name__.lower()} {action.kind.value} ({action.why})"


def _way(parents: list[tuple[int, str]], node: int) -> list[str]:
    labels = []
    while node > 0:
        node, label = parents[node]
        labels.append(label)
    return labels[::-1]


def _writing_circle(edges: list[list[tuple[int, bool]]]) -> int | None:
    """A node on a circle of own steps with a write in it (Tarjan's components, without recursion)."""
    component = _components(edges)
    for node, targets in enumerate(edges):
        for target, wrote in targets:
            if wrote and component[node] == component[target]:
                return node
    return None


def _components(edges: list[list[tuple[int, bool]]]) -> list[int]:
    index = [0] * len(edges)
    low = [0] * len(edges)
    component = [-1] * len(edges)
    stack: list[int] = []
    counter = 0
    for root in range(len(edges)):
        if index[root]:
            continue
        work = [(root, iter(edges[root]))]
        counter += 1
        index[root] = low[root] = counter
        stack.append(root)
        while work:
            node, targets = work[-1]
            for target, _ in targets:
                if not index[target]:
                    counter += 1
                    index[target] = low[target] = counter
                    stack.append(target)
                    work.append((target, iter(edges[target])))
                    break
                if component[target] < 0:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while True:
                        member = stack.pop()
                        component[member] = node
                        if member == node:
                            break
    return component
