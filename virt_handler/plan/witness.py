"""A node's agent as a witness for others: whom it has heard, and whom it has called lost. Pure.

It answers a node, or it calls it lost, never both for one term: a node of which it has said that it is lost must show
a renewal that came after. That word is kept on disk before it is given; when others were heard is not, so a new agent
acts as if it had heard everybody just now.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

T = TypeVar("T")


class Witness(Struct, frozen=True, kw_only=True):
    since: float
    """When this agent began."""
    heard: tuple[tuple[str, float], ...] = ()
    """By node: when it last asked to be remembered. Monotonic."""
    lost: tuple[tuple[str, int], ...] = ()
    """By node: the last term in which it was called lost."""


def asked(witness: Witness, node: str, term: int, now: float) -> tuple[Witness, bool]:
    """A node asks to be remembered; whether it is."""
    if term <= dict(witness.lost).get(node, -1):
        return witness, False
    return replace(witness, heard=_put(witness.heard, node, now)), True


def silent_for(witness: Witness, node: str, now: float) -> float:
    """Seconds without a word of a node, as far as this agent can know."""
    return now - max(witness.since, dict(witness.heard).get(node, -math.inf))


def is_lost(witness: Witness, node: str, term: int, seconds: float, now: float) -> tuple[Witness, bool]:
    """Somebody asks whether a node is lost whose lease of that term lasts so many seconds."""
    if silent_for(witness, node, now) < seconds:
        return witness, False
    latest = max(term, dict(witness.lost).get(node, -1))
    return replace(witness, lost=_put(witness.lost, node, latest)), True


def _put(pairs: Iterable[tuple[str, T]], name: str, value: T) -> tuple[tuple[str, T], ...]:
    return tuple(sorted({**dict(pairs), name: value}.items()))
