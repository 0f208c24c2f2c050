"""When the guarded guests of a silent node may be started elsewhere. Pure.

```
 lease renewed within its length ─► wait      no guarded guest there ─► nothing; where its Node is gone, it goes too
 silent for its whole length     ─► ask the witnesses whose names it carries
 enough of them call it lost     ─► no new guest for that node, then: this term is over, by compare-and-swap
 not enough                      ─► ask again
```
The length is counted on our own clock from when this term was first seen. The write tests the very term that the
witnesses were asked about: a renewal in between makes it fail. What follows is the VMI controller's: `VmiWorld.fenced`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.time import format_time
from virt_model import conditions
from virt_model.conditions import TRUE, Condition, Conditions, Type
from virt_model.node_lease import NodeLease, is_guarded, lost_needed
from virt_model.seen import Vmi

Json = dict[str, Any]
ASK_EVERY: Final = 2.0
TOLD_AFTER: Final = 0.6
"""Share of the lease after which its silence is worth a word: two renewals are missing."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """A node's lease, and for how many seconds its term has been the same."""

    lease: NodeLease
    silent_for: float
    guests: int
    """Guarded guests there that have not ended."""
    nodeless: bool = False
    """The cache has no Node of this name."""
    lost: frozenset[str] | None = None
    """The witnesses that call it lost in this term; None while nobody was asked."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done. At most one of `ask`, `fence` and `remove` is true."""

    ask: bool = False
    fence: bool = False
    remove: bool = False
    """The Lease, once the API says too that its Node is gone."""
    again_in: float | None = None


def judge(silence: Silence) -> Verdict:
    lease = silence.lease
    left = lease.seconds - silence.silent_for
    if silence.nodeless and not silence.guests:
        return Verdict(again_in=left) if left > 0 else Verdict(remove=True)
    if lease.fenced or not silence.guests:
        return Verdict(again_in=float(lease.seconds) if silence.nodeless else None)
    if left > 0:
        untold = lease.seconds * TOLD_AFTER - silence.silent_for
        return Verdict(again_in=untold if untold > 0 else left)
    if silence.lost is None:
        return Verdict(ask=True)
    if len(silence.lost & set(lease.witnesses)) >= lost_needed(len(lease.witnesses)):
        return Verdict(fence=True)
    return Verdict(again_in=ASK_EVERY)


def is_silent(silence: Silence) -> bool:
    lease = silence.lease
    return not lease.fenced and bool(silence.guests) and silence.silent_for >= lease.seconds * TOLD_AFTER


def waits_for(silence: Silence, now: float) -> str:
    """Why the guests of a silent node do not run elsewhere yet; `now` in seconds since 1970."""
    lease = silence.lease
    needed, count = lost_needed(len(lease.witnesses)), len(lease.witnesses)
    if not count:
        return "No other node's agent watches over it: only its return, or a person, can tell that its guests are over"
    who = f"{needed} of the agents of {', '.join(lease.witnesses)} must call it lost"
    left = lease.seconds - silence.silent_for
    if silence.lost is None:
        return f"Its lease runs out at {format_time(now + left)}; then {who}"
    return f"Its lease has run out; {who}, of which {', '.join(sorted(silence.lost)) or 'none'} did so far"


def lost_node(node: str, waits: str) -> Condition:
    """For the VMIs on a node that does not renew its lease."""
    return Condition(
        type=Type.NODE_LOST, status=TRUE, reason="LeaseSilent", message=f"Nobody hears of node {node}. {waits}"
    )


def with_silence(found: Conditions, vmi: Vmi, waits: str, now: float) -> Conditions:
    """Conditions of a VMI; `waits` is what `waits_for` said of its node, "" while that renews its lease."""
    if not waits or not is_guarded(vmi.raw):
        return conditions.drop(found, Type.NODE_LOST)
    return conditions.put(found, lost_node(vmi.node, waits), format_time(now))


def is_fenced(vmi: Vmi, lease: NodeLease | None) -> bool:
    """Whether a guest has ended by itself. The VMI must have been read before the lease: a guest that was started in a
    later term is guarded only once that term stands.
    """
    return lease is not None and lease.fenced and lease.node == vmi.node and is_guarded(vmi.raw)


def on_node(vmis: list[Json]) -> int:
    """How many of these have a guarded guest that has not ended."""
    return sum(vmi.phase.handed_over and is_guarded(vmi.raw) for vmi in map(Vmi, vmis))
