"""A guest shall leave its node, under every order of what users ask for; errors seeded into the decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from tests.worlds.leaving_world import World, begin, edges, one_evacuation, well_left
from tests.worlds.search import Broken, Laws, Report, search
from virt_api.plan import evictions, moves
from virt_controller.plan import evacuation
from virt_handler.plan import migration_status

WORLDS = {
    "evicted": begin("evict", fails=2),
    "evicted and called off": begin("evict", "cancel", fails=1),
    "two evictions, a migration": begin("evict", "evict", "migrate", fails=1),
    "called off as it moves": begin("evict", "cancel", "migrate", fails=1),
}


def explore(start: World) -> Report:
    laws: Laws[World] = Laws(one_evacuation, lambda wrote: None, well_left)
    return search(start, edges, lambda world: world, laws, most=5_000)


@pytest.mark.parametrize("name", WORLDS)
def test_who_asked_gets_what_was_answered(name: str) -> None:
    report = explore(WORLDS[name])
    assert report.at_rest > 0 and report.states > 15


def _whatever_node(vmi: Any) -> Any:
    return tuple(op for op in MARKED(vmi) if op["path"] != "/status/nodeName")


def _forgets_who_left(status: Any, node: str, image: str, now: str) -> Any:
    return {
        **LANDED(status, node, image, now),
        **{key: status[key] for key in ("evacuationNodeName",) if key in status},
    }


def _calls_off_nothing(vmi: Any, options: Any) -> Any:
    return CALLED_OFF(vmi, options)[:1]


MARKED, LANDED, CALLED_OFF = evictions._marked, migration_status.landed, moves.evacuation_called_off
MUTANTS: dict[str, tuple[Any, str, Callable[..., Any], str]] = {
    "an eviction marks whatever node": (evictions, "_marked", _whatever_node, "two evictions, a migration"),
    "a guest that has left is still to leave": (migration_status, "landed", _forgets_who_left, "evicted"),
    "a failed evacuation is not made again": (evacuation, "next_name", lambda vmi, own: "evacuation", "evicted"),
    "calling off takes nothing back": (moves, "evacuation_called_off", _calls_off_nothing, "evicted and called off"),
    "a guest leaves though nobody asked": (evacuation, "shall_leave", lambda *seen: True, "called off as it moves"),
    "nobody sees to an eviction": (evacuation, "shall_leave", lambda *seen: False, "evicted"),
}


@pytest.mark.parametrize("error", MUTANTS)
def test_error_is_caught(error: str) -> None:
    owner, name, wrong, world = MUTANTS[error]
    with patch.object(owner, name, wrong), pytest.raises(Broken):
        explore(WORLDS[world])
