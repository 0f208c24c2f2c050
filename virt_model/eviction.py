"""What an eviction of its launcher pod, or the draining of its node, does with a guest. Pure.

| strategy | migratable | not migratable |
|---|---|---|
| None | goes with its pod | goes with its pod |
| LiveMigrate | moves | stays, and holds up the drain |
| LiveMigrateIfPossible | moves | goes with its pod |
| External | stays until somebody else has moved it | the same |
"""

from __future__ import annotations

from enum import StrEnum

from virt_model import conditions
from virt_model.conditions import Type
from virt_model.seen import Vmi


class Fate(StrEnum):
    GOES = "goes"  # with its pod
    MOVES = "moves"
    STAYS = "stays"
    IS_MOVED = "is moved"  # by somebody else


def fate(vmi: Vmi, cluster_strategy: str) -> Fate:
    """`cluster_strategy` counts for a VMI that names none. One that is not known to be migratable counts as not."""
    strategy = vmi.spec.get("evictionStrategy") or cluster_strategy
    if strategy == "External":
        return Fate.IS_MOVED
    if strategy not in ("LiveMigrate", "LiveMigrateIfPossible"):
        return Fate.GOES
    if conditions.is_true(vmi.conditions, Type.LIVE_MIGRATABLE):
        return Fate.MOVES
    return Fate.STAYS if strategy == "LiveMigrate" else Fate.GOES


def leaving(vmi: Vmi) -> bool:
    """Whether an eviction has asked for the node it is on to be left."""
    return bool(vmi.node) and vmi.status.get("evacuationNodeName") == vmi.node
