"""Breadth-first through every order of events of a small cluster, until no new state is found.

Besides the laws that a world brings along, two hold for the whole graph: every state without a next step of its own
is at rest, and no circle of own steps contains a write that succeeded (else the controllers would write forever).
"""

from __future__ import annotations

import contextlib
import gc
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

S = TypeVar("S")
UNOWNED = 0.2
"""How often a walk takes a step that is not the cluster's own."""


class Broken(AssertionError):
    """A law does not hold; the message says which, and the search adds the way there."""


class Edge(NamedTuple, Generic[S]):
    label: str
    state: S
    own: bool  # the cluster takes this step by itself, sooner or later
    wrote: Any = None  # what a controller wrote, if it did


class Report(NamedTuple):
    states: int
    edges: int
    at_rest: int


class Laws(NamedTuple, Generic[S]):
    """Each raises Broken."""

    state: Callable[[S], None]
    write: Callable[[Any], None]
    rest: Callable[[S], None]


def search(
    start: S, edges_of: Callable[[S], Iterable[Edge[S]]], key: Callable[[S], S], laws: Laws[S], most: int
) -> Report:
    """Raises Broken with the way to the state where a law is broken."""
    with _without_collector():
        return _search(start, edges_of, key, laws, most)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """States refer to none that came later: there is nothing to collect, only many tuples to look at in vain."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.enable()


def _search(
    start: S, edges_of: Callable[[S], Iterable[Edge[S]]], key: Callable[[S], S], laws: Laws[S], most: int
) -> Report:
    start = key(start)
    numbers: dict[S, int] = {start: 0}
    parents: list[tuple[int, str]] = [(-1, "start")]
    own_edges: list[list[tuple[int, bool]]] = []
    queue, edges, at_rest, here = deque([start]), 0, 0, 0
    try:
        while queue:
            state = queue.popleft()
            here, own = len(own_edges), []
            for edge in edges_of(state):
                edges += 1
                there = key(edge.state)
                if there not in numbers:
                    numbers[there] = len(parents)
                    parents.append((here, edge.label))
                    queue.append(there)
                    laws.state(there)
                if edge.wrote is not None:
                    _judge(laws, edge)
                if edge.own:
                    own.append((numbers[there], edge.wrote is not None))
            own_edges.append(own)
            if not own:
                at_rest += 1
                laws.rest(state)
            if len(numbers) > most:
                raise Broken(f"more than {most} states: the world is not small")
    except Broken as broken:
        raise Broken(f"{broken}\n  way: {' → '.join(_way(parents, here))}") from None
    circle = _writing_circle(own_edges)
    if circle is not None:
        raise Broken(f"writes without end\n  way: {' → '.join(_way(parents, circle))}")
    return Report(len(numbers), edges, at_rest)


def walk(start: S, edges_of: Callable[[S], Iterable[Edge[S]]], laws: Laws[S], chance: random.Random, most: int) -> int:
    """One way through a world that is too large for `search`, to where it is at rest; gives the number of steps.

    Steps that are not the cluster's own are taken now and then, as long as there are some. Raises Broken as `search`.
    """
    state, way = start, ["start"]
    try:
        while len(way) <= most:
            found = list(edges_of(state))
            own, other = [each for each in found if each.own], [each for each in found if not each.own]
            if not own:
                laws.rest(state)
                if not other:
                    return len(way) - 1
            edge = chance.choice(other if other and (not own or chance.random() < UNOWNED) else own)
            state = edge.state
            way.append(edge.label)
            laws.state(state)
            if edge.wrote is not None:
                _judge(laws, edge)
        raise Broken(f"not at rest after {most} steps")
    except Broken as broken:
        raise Broken(f"{broken}\n  way: {' → '.join(way[1:])}") from None


def _judge(laws: Laws[S], edge: Edge[S]) -> None:
    try:
        laws.write(edge.wrote)
    except Broken as broken:
        raise Broken(f"{broken} (at: {edge.label})") from None


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
