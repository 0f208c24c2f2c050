"""Users who pause and unpause a guest that moves: what was answered as done holds, wherever the guest is at last.

virt-api reads the VMI and decides (`virt_api.plan.guest_actions`); later the agent of the node that it has read of has
the launcher do it. The last action that a launcher has done is what is wanted; what it could not do was answered with
an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.worlds.search import Broken, Edge
from virt_api.plan.guest_actions import GUEST_ACTIONS
from virt_handler.plan.domain import Stage
from virt_model import conditions
from virt_model.conditions import Type

if TYPE_CHECKING:
    from tests.worlds.migration_world import World


def steps(world: World) -> Iterator[Edge[World]]:
    """A user says something; a call that virt-api has let pass reaches the node."""
    for said in dict.fromkeys(world.budget.users):
        left = list(world.budget.users)
        left.remove(said)
        spent = world._replace(budget=world.budget._replace(users=tuple(left)))
        vmi = json.loads(world.api)
        if GUEST_ACTIONS[said](vmi) is None:
            node = int(vmi["status"]["nodeName"] == "node-b")
            spent = spent._replace(calls=tuple(sorted([*world.calls, (said, node)])))
        yield Edge(f"a user says: {said}", spent, own=False)
    for call in dict.fromkeys(world.calls):
        calls = list(world.calls)
        calls.remove(call)
        yield Edge(f"{call[0]} reaches node {call[1]}", _done(world._replace(calls=tuple(calls)), *call), own=True)


def _done(world: World, said: str, node: int) -> World:
    """As the launcher does it; the world as it is where nobody can."""
    agent = world.agents[node]
    if agent.cache is None or agent.of < 0:
        return world
    index = agent.of
    launcher = world.launchers[index]
    if launcher.stage in (Stage.FETCHING, Stage.RECEIVED):
        return world  # it runs, but is not the launcher's own yet
    here = launcher.stands or (launcher.stage == Stage.SENDING and launcher.domain in ("running", "paused"))
    if not agent.connected or not launcher.alive or not here:
        return world
    held = said == "pause"
    unmoved = launcher.stage == Stage.SENDING and launcher.domain == "paused"  # libvirt resumes no guest that leaves
    return world.launcher(index, held=held, domain="paused" if held or unmoved else "running")._replace(wanted=said)


def well_served(world: World) -> None:
    """At rest: the guest stands or runs as was wanted last, and the VMI says so."""
    if not world.wanted:
        return
    paused = any(launcher.stands and launcher.domain == "paused" for launcher in world.launchers)
    listed = json.loads(world.api)["status"].get("conditions") or []
    if paused != (world.wanted == "pause"):
        raise Broken(f"{world.wanted} was answered as done, and the guest is {'paused' if paused else 'running'}")
    if paused != conditions.is_true(listed, Type.PAUSED):
        raise Broken("the VMI does not say whether its guest is paused")
