"""Evacuation migrations that fail come slower and slower: 20 s after the first failure, then twice as long each time.

Counted are the VMI's failures in a row, of whatever migrations, as far as their objects are kept. Nobody asked for the
next one by hand; a migration that somebody asks for never waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from virt_controller.plan.migration_world import Migration, Step
from virt_model.seen import seconds

FIRST: Final = 20.0


def left(migration: Migration, known: Iterable[Migration], now: float) -> float:
    """Seconds that the migration still has to wait for the failures before it; `known` are migrations of any VMI."""
    if not migration.for_evacuation:
        return 0.0
    subject = (migration.namespace, migration.vmi_name)
    failed = _failed_in_a_row([each for each in known if (each.namespace, each.vmi_name) == subject])
    last = _failed_at(failed[0]) if failed else None
    if last is None:
        return 0.0
    return max(0.0, last + FIRST * (1 << len(failed) - 1) - now)


def _failed_in_a_row(migrations: list[Migration]) -> list[Migration]:
    """Newest first, since the last success."""
    found: list[Migration] = []
    for each in sorted(migrations, key=lambda each: each.born, reverse=True):
        if each.step is Step.SUCCEEDED:
            break
        if each.step is Step.FAILED and not each.deleting:
            found.append(each)
    return found


def _failed_at(migration: Migration) -> float | None:
    stamps = migration.status.get("phaseTransitionTimestamps") or ()
    failed = [each.get("phaseTransitionTimestamp") for each in stamps if each.get("phase") == Step.FAILED]
    return seconds(failed[-1]) if failed else None
