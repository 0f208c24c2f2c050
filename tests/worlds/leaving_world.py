"""A small world of one VMI that shall leave its node: evictions, their calling-off and migrations, asked for at once.

virt-api decides by its own code, on what it has read, and writes later: `plan.evictions`, `plan.moves`, admission of
migrations. So does the evacuation controller, whose cache lags. Played are the migrations themselves, one after the
other: each succeeds or fails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from api.lens import apply_patch
from api.lens_patch import PatchError
from tests.worlds.search import Broken, Edge
from virt_api.plan import evictions, moves
from virt_api.plan.options import EvacuateCancelOptions, MigrateOptions
from virt_api.plan.rules.migration import MigrationNews, refused_creation
from virt_api.plan.status import CallFailed
from virt_controller.plan import evacuation
from virt_controller.plan.actions import Create
from virt_controller.plan.evacuation import EvacuationWorld
from virt_controller.plan.migration_world import Migration, Step
from virt_handler.plan import migration_status
from virt_model import labels
from virt_model.config import ClusterConfig
from virt_model.seen import Pod, Seen, Vmi

Json = dict[str, Any]
CONFIG: Final = ClusterConfig()
OTHER: Final = {"a": "b", "b": "a"}
VMI: Final[Json] = {
    "metadata": {"namespace": "ns", "name": "m", "uid": "vmi"},
    "spec": {"evictionStrategy": "LiveMigrate"},
    "status": {"phase": "Running", "nodeName": "a", "conditions": [{"type": "LiveMigratable", "status": "True"}]},
}


class Cluster(NamedTuple):
    """What the API holds: the VMI and all migrations, as JSON."""

    vmi: str
    migrations: tuple[str, ...] = ()


class Call(NamedTuple):
    """What virt-api is about to write; `judged` once a migration has been admitted."""

    said: str
    read: str
    judged: bool = False


class World(NamedTuple):
    api: Cluster
    cache: Cluster  # of the evacuation controller
    users: tuple[str, ...]  # each of these is said once, in any order and at the same time
    fails: int  # migrations that may fail
    calls: tuple[Call, ...] = ()
    refused: bool = False  # the controller's last write; it waits until it hears something
    wanted: str = ""  # the last that was answered as done: the node that is to be left, or "stay"


def begin(*users: str, fails: int = 0) -> World:
    api = Cluster(json.dumps(VMI, sort_keys=True))
    return World(api, api, users, fails)


def edges(world: World) -> Iterator[Edge[World]]:
    """Everything that may happen next."""
    return (edge for edge in _all(world) if edge.state != world)


def _all(world: World) -> Iterator[Edge[World]]:
    for said in dict.fromkeys(world.users):
        left = list(world.users)
        left.remove(said)
        yield Edge(f"a user says: {said}", _calls(world, None, Call(said, world.api.vmi), users=tuple(left)), own=False)
    for call in dict.fromkeys(world.calls):
        yield Edge(f"{call.said}: virt-api's next step", _DOING[call.said](_calls(world, call, None), call), own=True)
    if world.cache != world.api:
        yield Edge("the controller hears", world._replace(cache=world.api, refused=False), own=True)
    yield from _controller(world)
    yield from _migrations(world)


def _calls(world: World, old: Call | None, new: Call | None, **changes: Any) -> World:
    calls = list(world.calls)
    if old is not None:
        calls.remove(old)
    return world._replace(calls=tuple(sorted([*calls, *([new] if new else [])])), **changes)


# --- virt-api


def _evict(world: World, call: Call) -> World:
    """Of the pod on the node where the VMI was, when it was read."""
    vmi = json.loads(call.read)
    node = vmi["status"]["nodeName"]
    decision = evictions.decide({"spec": {"nodeName": node}}, vmi, CONFIG.eviction_strategy)
    marked = _patched(world, list(decision.patch))
    return world if marked is None or not decision.patch else marked._replace(wanted=node)


def _cancel(world: World, call: Call) -> World:
    ops = moves.evacuation_called_off(json.loads(call.read), EvacuateCancelOptions())
    done = _patched(world, list(ops))
    if done is None or not ops:
        return world
    if "evacuationNodeName" in json.loads(done.api.vmi)["status"]:
        raise Broken("an evacuation was called off, and the guest is still to leave")
    return done._replace(wanted="stay")


def _migrate(world: World, call: Call) -> World:
    """Read, admitted, stored: three moments."""
    try:
        asked = moves.migration_of(json.loads(call.read), MigrateOptions())
    except CallFailed:
        return world
    if call.judged:
        return _created(world, asked)
    admitted = refused_creation(asked, _news(world)) is None
    return _calls(world, None, call._replace(judged=True)) if admitted else world


_DOING: Final = {"evict": _evict, "cancel": _cancel, "migrate": _migrate}


def _news(world: World) -> MigrationNews:
    return MigrationNews(vmi=json.loads(world.api.vmi), others=tuple(map(json.loads, world.api.migrations)))


def _patched(world: World, ops: list[Json]) -> World | None:
    """None: refused."""
    try:
        vmi = apply_patch(json.loads(world.api.vmi), ops)
    except PatchError:
        return None
    return world._replace(api=world.api._replace(vmi=json.dumps(vmi, sort_keys=True)))


def _created(world: World, asked: Json) -> World:
    number = len(world.api.migrations)
    metadata = {"namespace": "ns", "uid": f"m{number}", "creationTimestamp": f"2026-01-01T{number:02}:00:00Z"}
    made = {**asked, "metadata": {"name": f"m{number}", **asked["metadata"], **metadata}, "status": {}}
    stored = (*world.api.migrations, json.dumps(made, sort_keys=True))
    return world._replace(api=world.api._replace(migrations=stored))


# --- the evacuation controller


def _controller(world: World) -> Iterator[Edge[World]]:
    if world.refused:
        return
    migrations = tuple(Migration(json.loads(each)) for each in world.cache.migrations)
    seen = EvacuationWorld(
        vmi=Vmi(json.loads(world.cache.vmi)), node=Seen({"metadata": {"name": "a"}, "spec": {}}), config=CONFIG,
        pods=(Pod({"metadata": {"name": "p"}, "status": {"phase": "Running"}}),), migrations=migrations,
        nodes_of={each.uid: "a" for each in migrations},
    )  # fmt: skip
    action = evacuation.plan(seen).action
    if not isinstance(action, Create):
        return
    names = [json.loads(each)["metadata"]["name"] for each in world.api.migrations]
    if action.body["metadata"]["name"] in names or refused_creation(action.body, _news(world)) is not None:
        yield Edge("the controller's migration is refused", world._replace(refused=True), own=True)
    else:
        yield Edge("the controller makes a migration", _created(world, action.body), own=True, wrote=action)


# --- migrations, played


def _migrations(world: World) -> Iterator[Edge[World]]:
    """The first that is not over ends."""
    for index, text in enumerate(world.api.migrations):
        migration = json.loads(text)
        if Migration(migration).step.final:
            continue
        vmi = json.loads(world.api.vmi)
        node = OTHER[vmi["status"]["nodeName"]]
        landed = {**vmi, "status": migration_status.landed({**vmi["status"], "migrationState": {}}, node, "image", "T")}
        del landed["status"]["migrationState"]
        yield Edge("a migration succeeds", _ended(world, index, migration, Step.SUCCEEDED, landed), own=True)
        if world.fails:
            failed = _ended(world, index, migration, Step.FAILED, vmi)
            yield Edge("a migration fails", failed._replace(fails=world.fails - 1), own=False)
        return


def _ended(world: World, index: int, migration: Json, step: Step, vmi: Json) -> World:
    migrations = list(world.api.migrations)
    migrations[index] = json.dumps({**migration, "status": {"phase": step.value}}, sort_keys=True)
    return world._replace(api=Cluster(json.dumps(vmi, sort_keys=True), tuple(migrations)))


# --- laws


def one_evacuation(world: World) -> None:
    """The controller makes one migration at a time."""
    migrations = [Migration(json.loads(each)) for each in world.api.migrations]
    under_way = [each for each in migrations if not each.step.final and labels.EVACUATION_MIGRATION in each.annotations]
    if len(under_way) > 1:
        raise Broken("two migrations evacuate one guest")


def well_left(world: World) -> None:
    """At rest nobody waits for the VMI to leave, and who was promised that it does, got it."""
    status = json.loads(world.api.vmi)["status"]
    if "evacuationNodeName" in status:
        raise Broken("the VMI shall leave a node, and nobody sees to it")
    if world.wanted == status["nodeName"] and not _returned(world):
        raise Broken("an eviction was answered, and the guest has not left")


def _returned(world: World) -> bool:
    """It left, and a migration that a user asked for brought it back."""
    over = [json.loads(each)["status"]["phase"] for each in world.api.migrations]
    return over.count("Succeeded") > 1
