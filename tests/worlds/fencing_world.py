"""A small world of one node that holds a lease, its witnesses, and a controller that may start its guest elsewhere.

All decide by their own code: `plan.node_lease`, `plan.witness`, `plan.fencing`. Played are the clock, the API (one
object, compare-and-swap), messages that are late or lost, agents that die and begin anew, and the watchdog, which
ends the guest at the time to which it is wound up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from tests.worlds.search import Broken, Edge
from virt_controller.plan import fencing
from virt_controller.plan.fencing import Silence
from virt_handler.plan import node_lease, witness
from virt_handler.plan.node_lease import Hold, Terms
from virt_handler.plan.witness import Witness
from virt_model.node_lease import NodeLease

NODE: Final = "n"
SECONDS: Final = 1
LONG_AGO: Final = -SECONDS
"""Whatever is older than this is as good as any older."""


class Renewal(NamedTuple):
    """On its way to the API, or `taken` and its answer on its way back."""

    lease: NodeLease
    asked_at: float
    taken: bool = False


class Ping(NamedTuple):
    """On its way to a witness, or `answered` and on its way back."""

    name: str
    term: int
    asked_at: float
    answered: bool = False


class Started(NamedTuple):
    """The node's agent, if it is alive, and the watchdog that outlives it."""

    hold: Hold
    renewal: Renewal | None = None
    pings: tuple[Ping, ...] = ()


class World(NamedTuple):
    """`now` is always 0: whenever the clock moves, everything else gets older."""

    api: NodeLease
    agent: Started | None
    wound: float  # the watchdog ends the guest then
    runs: bool
    witnesses: tuple[tuple[str, Witness], ...]
    seen: tuple[int, float]  # the controller's: a term, and when it was first seen
    asked: tuple[int, tuple[str, ...]] = (-1, ())  # the term that it asked about, and who calls the node lost
    rosters: tuple[tuple[str, ...], ...] = ()  # of witnesses, to which the node may change
    deaths: int = 0  # agents that may die: the node's and the witnesses'
    renewals: int = 0  # that may still be sent
    late: NodeLease | None = None  # a renewal that its sender has given up, and that still may be taken


def begin(*rosters: tuple[str, ...], deaths: int = 0, renewals: int = 0) -> World:
    """The guest runs, its lease has just been renewed. The first roster is in force."""
    lease = NodeLease(node=NODE, term=1, seconds=SECONDS, witnesses=rosters[0], version="1")
    until = node_lease.lasts(SECONDS)
    names = sorted({name for roster in rosters for name in roster})
    witnesses = tuple((name, Witness(since=LONG_AGO)) for name in names)
    return World(
        lease, Started(Hold(lease=lease, ours=True, until=until)), until, True, witnesses, (0, 0.0),
        rosters=rosters[1:], deaths=deaths, renewals=renewals,
    )  # fmt: skip


def edges(world: World) -> Iterator[Edge[World]]:
    found = (*_time(world), *_agent(world), *_api(world), *_witnesses(world), *_controller(world), *_deaths(world))
    return (edge for edge in found if edge.state != world)


def _edge(label: str, state: World) -> Edge[World]:
    return Edge(label, state, own=False)


# --- time


def _time(world: World) -> Iterator[Edge[World]]:
    """A second passes."""
    runs = world.runs and world.wound - 1 > 0
    agent = world.agent
    if agent is not None:
        agent = Started(
            _older(agent.hold),
            agent.renewal and agent.renewal._replace(asked_at=_age(agent.renewal.asked_at)),
            tuple(ping._replace(asked_at=_age(ping.asked_at)) for ping in agent.pings),
        )
    aged = tuple(
        (name, replace(each, since=_age(each.since), heard=tuple((node, _age(at)) for node, at in each.heard)))
        for name, each in world.witnesses
    )
    seen = (world.seen[0], _age(world.seen[1]))
    yield _edge(
        "a second", world._replace(agent=agent, wound=_age(world.wound), runs=runs, witnesses=aged, seen=seen)
    )  # fmt: skip


def _age(moment: float) -> float:
    return moment if math.isinf(moment) else max(moment - 1, LONG_AGO)


def _older(hold: Hold) -> Hold:
    reached = tuple((name, _age(at)) for name, at in hold.reached)
    return replace(hold, until=_age(hold.until), wound=_age(hold.wound), reached=reached)


# --- the node


def _agent(world: World) -> Iterator[Edge[World]]:
    agent = world.agent
    if agent is None:
        return
    hold = agent.hold
    if hold.until > world.wound and world.runs:
        yield _edge("the watchdog is wound up", world._replace(wound=hold.until))
    if not world.runs and node_lease.holds(hold, 0):
        started = world._replace(runs=True, wound=hold.until)
        yield _edge("a guest is started", started)
    if agent.renewal is None and world.renewals:
        for roster in ((hold.lease.witnesses if hold.lease else ()), *world.rosters):
            lease = node_lease.next_lease(hold, NODE, Terms(SECONDS, roster), 0)
            sent = agent._replace(hold=node_lease.attempted(hold, lease), renewal=Renewal(lease, 0.0))
            left = world._replace(agent=sent, renewals=world.renewals - 1)
            yield _edge(f"renews as {lease.term} ({','.join(roster)})", left)
    if agent.renewal is not None:
        late = None if agent.renewal.taken else agent.renewal.lease
        yield _edge("waits for its renewal no longer", _with(world._replace(late=late or world.late), hold, None))
    if hold.lease != world.api:
        yield _edge("reads its lease", world._replace(agent=agent._replace(hold=node_lease.shown(hold, world.api, 0))))
    for name in node_lease.to_ask(hold):
        if hold.lease is not None and name not in {ping.name for ping in agent.pings}:
            ping = Ping(name, hold.lease.term, 0.0)
            yield _edge(f"asks {name}", world._replace(agent=agent._replace(pings=(*agent.pings, ping))))
    for ping in agent.pings:
        rest = tuple(each for each in agent.pings if each != ping)
        yield _edge(f"{ping.name} is not reached", world._replace(agent=agent._replace(pings=rest)))
        if ping.answered:
            heard = node_lease.answered(hold, ping.name, ping.asked_at)
            yield _edge(f"hears {ping.name}", world._replace(agent=agent._replace(hold=heard, pings=rest)))


def _with(world: World, hold: Hold, renewal: Renewal | None) -> World:
    assert world.agent is not None
    return world._replace(agent=world.agent._replace(hold=hold, renewal=renewal))


# --- the API: a renewal is taken, and its answer comes


def _api(world: World) -> Iterator[Edge[World]]:
    agent = world.agent
    if world.late is not None and world.late.version == world.api.version:
        yield _edge("a late renewal is taken", world._replace(api=_next(world, world.late), late=None))
    if agent is None or agent.renewal is None:
        return
    renewal = agent.renewal
    if renewal.taken:
        renewed = node_lease.renewed(agent.hold, renewal.lease, renewal.asked_at)
        yield _edge("hears that it has renewed", _with(world, renewed, None))
    elif renewal.lease.version != world.api.version:
        yield _edge("hears of a conflict", _with(world, node_lease.shown(agent.hold, world.api, 0), None))
    else:
        taken = _next(world, renewal.lease)
        back = Renewal(taken, renewal.asked_at, taken=True)
        yield _edge("a renewal is taken", _with(world._replace(api=taken), agent.hold, back))


def _next(world: World, lease: NodeLease) -> NodeLease:
    return replace(lease, version=str(int(world.api.version) + 1))


# --- witnesses


def _witnesses(world: World) -> Iterator[Edge[World]]:
    known = dict(world.witnesses)
    agent = world.agent
    for ping in agent.pings if agent is not None else ():
        if agent is None or ping.answered:
            continue
        after, remembered = witness.asked(known[ping.name], NODE, ping.term, 0)
        rest = tuple(each for each in agent.pings if each != ping)
        back = (*rest, ping._replace(answered=True)) if remembered else rest
        heard = world._replace(agent=agent._replace(pings=back), witnesses=_put(world, ping.name, after))
        yield _edge(f"{ping.name} is asked by the node", heard)


def _put(world: World, name: str, after: Witness) -> tuple[tuple[str, Witness], ...]:
    return tuple((each, after if each == name else state) for each, state in world.witnesses)


# --- the controller


def _silence(world: World) -> Silence:
    """The controller's cache may be old: it holds the term that it saw, and asks about that one."""
    term, since = world.seen
    told = frozenset(world.asked[1]) if world.asked[0] == term else None
    lease = replace(world.api, term=term, fenced=world.api.fenced and term == world.api.term)
    return Silence(lease=lease, silent_for=-since, guests=1, lost=told)


def _controller(world: World) -> Iterator[Edge[World]]:
    if world.seen[0] != world.api.term:
        yield _edge("the controller sees the lease", world._replace(seen=(world.api.term, 0.0), asked=(-1, ())))
    if not world.seen[0]:
        return
    silence = _silence(world)
    verdict = fencing.judge(silence)
    if verdict.ask or (verdict.again_in is not None and silence.lost is not None):
        yield from _ask(world, silence)
    if verdict.fence and silence.lease.term == world.api.term:
        over = _next(world, replace(world.api, fenced=True))
        yield Edge("the term is declared over", world._replace(api=over), own=False, wrote=world)


def _ask(world: World, silence: Silence) -> Iterator[Edge[World]]:
    term = silence.lease.term
    told = world.asked[1] if world.asked[0] == term else ()
    for name, state in world.witnesses:
        if name not in silence.lease.witnesses or name in told:
            continue
        after, lost = witness.is_lost(state, NODE, term, silence.lease.seconds, 0)
        judged = world._replace(witnesses=_put(world, name, after))
        if lost:
            heard = judged._replace(asked=(term, tuple(sorted((*told, name)))))
            yield _edge(f"{name} calls the node lost", heard)
            yield _edge(f"{name} calls the node lost, unheard", judged)


# --- deaths


def _deaths(world: World) -> Iterator[Edge[World]]:
    if world.agent is None:
        yield _edge("the agent begins anew", world._replace(agent=Started(node_lease.found(world.api, 0))))
    if not world.deaths:
        return
    left = world._replace(deaths=world.deaths - 1)
    if world.agent is not None:
        yield _edge("the agent dies", left._replace(agent=None))
    for name, state in world.witnesses:
        yield _edge(f"{name} begins anew", left._replace(witnesses=_put(world, name, remembers(state))))


def remembers(state: Witness) -> Witness:
    """What a witness still knows after its end: what it has on disk."""
    return Witness(since=0.0, lost=state.lost)


def key(world: World) -> World:
    """What is over makes no difference any more."""
    witnesses = tuple(
        (name, replace(each, heard=tuple(pair for pair in each.heard if pair[1] > max(each.since, LONG_AGO))))
        for name, each in world.witnesses
    )
    agent = world.agent
    if agent is not None:
        hold = agent.hold
        until, wound = (moment if moment > 0 else node_lease.NEVER for moment in (hold.until, hold.wound))
        reached = tuple(pair for pair in hold.reached if pair[1] > LONG_AGO)
        agent = agent._replace(
            hold=replace(hold, until=until, wound=wound, reached=reached), pings=tuple(sorted(agent.pings))
        )
    late = world.late if world.late is not None and world.late.version == world.api.version else None
    return world._replace(agent=agent, wound=world.wound if world.runs else 0.0, witnesses=witnesses, late=late)


# --- laws


def once(world: World) -> None:
    """A guest that may be started elsewhere does not run here."""
    if world.api.fenced and world.runs:
        raise Broken("the node's term is over, and its guest runs")


def at_rest(world: World) -> None:
    """Nothing: this world has no end of its own."""
