"""How long this node's guarded guests may run: the lease as its holder sees it. Pure; times are a monotonic clock's.

An answer counts from when it was *asked for*: what the other side knows is never older. From there the guests may run
for `lasts(seconds)`, a little less than everybody else waits, for clocks that do not run alike. A write whose answer
is missing extends nothing, but what it asked for may be in force: then both lists of witnesses must be reached. What
an agent before this one has asked for is not known at all: first of all this one renews.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from virt_model.node_lease import NodeLease, reach_needed

SLACK = 0.1
"""Share of the lease by which guests end earlier."""
LEAST_LEFT = 0.3
"""Share of the lease that must be left for a guest to start."""
NEVER = -math.inf


class Terms(Struct, frozen=True, order=True):
    """What a renewal asks for, apart from its number."""

    seconds: int
    witnesses: tuple[str, ...] = ()


class Hold(Struct, frozen=True, kw_only=True):
    """What this node knows of its own lease."""

    lease: NodeLease | None = None
    """As the API last showed it."""
    ours: bool = False
    """This agent has written it: a write that an agent before us has left on its way cannot come any more."""
    unsure: tuple[Terms, ...] = ()
    """What was asked for without an answer."""
    reached: tuple[tuple[str, float], ...] = ()
    """By witness: when its last answer was asked for."""
    until: float = NEVER
    """So long may guests run."""
    wound: float = NEVER
    """So long may watchdogs let them, which an agent before this one has wound up."""


def lasts(seconds: float) -> float:
    return seconds * (1 - SLACK)


def found(lease: NodeLease | None, now: float) -> Hold:
    """What a new agent knows. The earlier it looks, the sooner what the one before it promised is over."""
    return Hold(lease=lease, wound=now + lease.seconds if lease is not None else NEVER)


def next_lease(hold: Hold, node: str, wanted: Terms, now: float) -> NodeLease:
    """What to write, over the very state that we know. A lease gets shorter only as fast as what it has promised."""
    known = hold.lease
    promised = (max(hold.until, hold.wound) - now) / (1 - SLACK)
    seconds = max(wanted.seconds, math.ceil(promised)) if promised > 0 else wanted.seconds
    term, version = (known.term + 1, known.version) if known is not None else (1, "")
    return NodeLease(node=node, term=term, seconds=seconds, witnesses=wanted.witnesses, version=version)


def attempted(hold: Hold, lease: NodeLease) -> Hold:
    """Before a write is sent."""
    return replace(hold, unsure=tuple(sorted({*hold.unsure, _terms(lease)})))


def renewed(hold: Hold, lease: NodeLease, asked_at: float) -> Hold:
    """The API took a renewal."""
    return replace(hold, lease=lease, ours=True, unsure=(), until=max(hold.until, asked_at + lasts(lease.seconds)))


def shown(hold: Hold, present: NodeLease | None, now: float) -> Hold:
    """The API holds this, whoever made it: it extends nothing. While it is the same, a write of ours may still come.

    Before our first renewal it may be the last word of an agent that had not ended yet when we looked.
    """
    same = present is not None and hold.lease is not None and present.version == hold.lease.version
    wound = hold.wound if same or hold.ours else max(hold.wound, found(present, now).wound)
    return replace(hold, lease=present, ours=hold.ours and same, unsure=hold.unsure if same else (), wound=wound)


def answered(hold: Hold, witness: str, asked_at: float) -> Hold:
    """A witness will not call us lost for a whole lease from `asked_at` on."""
    reached = dict(hold.reached)
    reached[witness] = max(asked_at, reached.get(witness, NEVER))
    hold = replace(hold, reached=tuple(sorted(reached.items())))
    if not _counts(hold) or hold.lease is None:
        return hold
    ends = (_reached_at(hold, each.witnesses) + lasts(each.seconds) for each in (_terms(hold.lease), *hold.unsure))
    return replace(hold, until=max(hold.until, min(ends)))


def unwatched(hold: Hold, now: float) -> Hold:
    """Where there is no other agent nobody can call this node lost: its guests may run without the API, too."""
    if not _counts(hold) or hold.lease is None or to_ask(hold):
        return hold
    ends = now + lasts(min(each.seconds for each in (_terms(hold.lease), *hold.unsure)))
    return replace(hold, until=max(hold.until, ends))


def holds(hold: Hold, now: float) -> bool:
    """Whether a guest may be started, or let run, now."""
    lease = hold.lease
    return lease is not None and not lease.fenced and hold.until - now >= LEAST_LEFT * lease.seconds


def promises_more(hold: Hold | None, seconds: float) -> bool:
    """Whether it has to be renewed even without guests: an agent after us would count on all that it promises anew."""
    return hold is not None and hold.lease is not None and not hold.lease.fenced and hold.lease.seconds > seconds


def to_ask(hold: Hold) -> tuple[str, ...]:
    """The witnesses to ask when the API does not answer."""
    if not _counts(hold) or hold.lease is None:
        return ()
    return tuple(sorted({*hold.lease.witnesses, *(name for each in hold.unsure for name in each.witnesses)}))


def _counts(hold: Hold) -> bool:
    """Whether others' answers can extend anything: not before this agent knows which terms are in force."""
    return hold.ours and hold.lease is not None and not hold.lease.fenced


def _terms(lease: NodeLease) -> Terms:
    return Terms(lease.seconds, lease.witnesses)


def _reached_at(hold: Hold, names: tuple[str, ...]) -> float:
    """When the oldest was asked for of the answers that count: enough, and the latest."""
    reached = dict(hold.reached)
    latest = sorted((reached.get(name, NEVER) for name in names), reverse=True)
    return latest[reach_needed(len(names)) - 1] if names else NEVER
