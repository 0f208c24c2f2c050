"""A small world of one migration: the API, two nodes with an agent and a launcher each, and the way between them.

The agents decide by the product's own code: `plan.guest.plan`, the patches it writes and the rules of the runner. What
is played here is the rest: caches that lag, agents that die between two actions, launchers that die, a connection
that breaks at any moment, and libvirt, which at the source either ends its guest or resumes it. Users pause and unpause
the guest meanwhile (`migration_users`).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from api.lens import apply_patch
from api.lens_patch import PatchError
from tests.worlds import migration_users
from tests.worlds.search import Broken, Edge
from virt_handler.plan import guest, migration_role, steps
from virt_handler.plan.domain import Domain, Migration, Stage
from virt_handler.plan.patch import runner_patch, status_patch
from virt_model import labels, names
from virt_model.runner import runner_of

Json = dict[str, Any]
SOURCE, TARGET = 0, 1
NODES: Final = ("node-a", "node-b")
JOB: Final = "job"
LONG: Final = 1000.0
OLD_POD: Final[Json] = {
    "metadata": {"namespace": "ns", "name": names.launcher_pod_name("a", "vmi"), "uid": "pod-a", "labels": {}}
}
NEW_POD: Final[Json] = {
    "metadata": {"namespace": "ns", "name": "target", "uid": "pod-b", "labels": {labels.MIGRATION_JOB_UID: JOB}}
}
PODS: Final = (OLD_POD, NEW_POD)


class Launcher(NamedTuple):
    alive: bool = True
    domain: str = "absent"  # absent, running, paused, shutoff
    stage: str = ""
    aborted: bool = False
    held: bool = False  # its user wants it paused

    @property
    def stands(self) -> bool:
        """The guest is here and runs, or would if its user let it."""
        arrives = self.stage in (Stage.ARRIVING, Stage.RECEIVED)
        paused = self.domain == "paused" and self.held and not arrives
        return self.alive and (self.domain == "running" or paused)


class Agent(NamedTuple):
    """`cache` is the VMI as it knows it, as JSON; None when the agent is down."""

    cache: str | None
    relay: bool = False
    connected: bool = False
    waited: bool = False  # long enough for everything it waits for
    killed: bool = False
    dismissed: bool = False


class Budget(NamedTuple):
    agents: int = 0
    launchers: int = 0
    breaks: int = 0
    aborts: int = 0
    users: tuple[str, ...] = ()  # each of these is said once, in any order and at the same time


class World(NamedTuple):
    api: str
    agents: tuple[Agent, Agent]
    launchers: tuple[Launcher, Launcher]
    budget: Budget
    lost: bool = False  # a launcher has died
    calls: tuple[tuple[str, int], ...] = ()  # what virt-api has let pass, and the node that it asks
    wanted: str = ""  # the last action that was answered as done

    def agent(self, node: int, **changes: Any) -> World:
        return self._replace(agents=_put(self.agents, node, self.agents[node]._replace(**changes)))

    def launcher(self, node: int, **changes: Any) -> World:
        return self._replace(launchers=_put(self.launchers, node, self.launchers[node]._replace(**changes)))

    def spent(self, what: str) -> World:
        return self._replace(budget=self.budget._replace(**{what: getattr(self.budget, what) - 1}))


def _put(pair: Any, index: int, new: Any) -> Any:
    return (new, pair[1]) if index == 0 else (pair[0], new)


def begin(budget: Budget) -> World:
    """The guest runs at the source; virt-controller has handed the migration to the agents."""
    vmi: Json = {
        "metadata": {
            "namespace": "ns", "name": "a", "uid": "vmi",
            "labels": {labels.NODE_NAME: NODES[0], labels.MIGRATION_TARGET_NODE_NAME: NODES[1]},
        },
        "spec": {"domain": {}},
        "status": {
            "phase": "Running", "nodeName": NODES[0],
            "migrationState": {
                "migrationUid": JOB, "sourceNode": NODES[0], "sourcePod": OLD_POD["metadata"]["name"],
                "targetNode": NODES[1], "targetPod": "target",
            },
        },
    }  # fmt: skip
    vmi["status"] = guest.status.running(vmi, Domain(status="running"), {}, "T")
    stored = _stored(vmi)
    runs = Launcher(domain="running")
    return World(stored, (Agent(stored, connected=True), Agent(None)), (runs, Launcher()), budget)


def _stored(vmi: Json) -> str:
    """As the API keeps it: its version follows from its content, so that the worlds are finite."""
    plain = {**vmi, "metadata": {key: value for key, value in vmi["metadata"].items() if key != "resourceVersion"}}
    version = str(hash(json.dumps(plain, sort_keys=True)) & 0xFFFFFFFF)
    return json.dumps({**plain, "metadata": {**plain["metadata"], "resourceVersion": version}}, sort_keys=True)


def observe(node: int, agent: Agent, launcher: Launcher) -> steps.Observed:
    assert agent.cache is not None
    vmi = json.loads(agent.cache)
    pod = migration_role.pod_here(vmi, [PODS[node]], PODS[node]["metadata"]["uid"])
    state = steps.Launcher.CONNECTED if agent.connected else steps.Launcher.READY
    return steps.Observed(
        vmi=vmi, pod=pod, launcher=state if launcher.alive else steps.Launcher.DEAD,
        dead_since=None if launcher.alive else 0.0, domain=_domain(launcher) if agent.connected else None,
        network=steps.Network.READY, killed=agent.killed, dismissed=agent.dismissed,
        role=migration_role.role_of(vmi, pod, PODS[node]["metadata"]["uid"], NODES[node]), node=NODES[node],
        relay=steps.Relay(migration_uid=JOB, address="10.0.0.2", port=4000) if agent.relay else None,
        now=LONG if agent.waited else 0.0, wall="T",
    )  # fmt: skip


def _domain(launcher: Launcher) -> Domain:
    moving = launcher.stage in (Stage.SENDING, Stage.RECEIVED, Stage.ARRIVING)
    reason = {
        "shutoff": "migrated" if launcher.stage == Stage.SENT else "destroyed",
        "paused": "migration" if moving else "user",
    }
    domain = Domain(status=launcher.domain, reason=reason.get(launcher.domain, ""), held=launcher.held)
    if not launcher.stage:
        return domain
    told = Migration(migration_uid=JOB, stage=Stage(launcher.stage), aborted=launcher.aborted, error="it broke")
    return msgspec.structs.replace(domain, migration=told)


def edges(world: World) -> Iterator[Edge[World]]:
    """Everything that may happen next."""
    for edge in _all(world):
        if edge.state != world:
            yield edge


def _all(world: World) -> Iterator[Edge[World]]:
    for node in (SOURCE, TARGET):
        yield from _agent(world, node)
    yield from _way(world)
    yield from _faults(world)
    yield from migration_users.steps(world)


@functools.cache
def _decide(node: int, agent: Agent, launcher: Launcher) -> tuple[steps.Observed, steps.Plan]:
    seen = observe(node, agent, launcher)
    return seen, guest.plan(seen)


def forget_decisions() -> None:
    """For code that was changed meanwhile."""
    _decide.cache_clear()


def _agent(world: World, node: int) -> Iterator[Edge[World]]:
    agent = world.agents[node]
    if agent.cache is None:
        yield Edge(f"agent {node} starts", world.agent(node, cache=world.api), own=True)
        return
    if agent.cache != world.api:
        yield Edge(f"agent {node} hears of the VMI", world.agent(node, cache=world.api), own=True)
    seen, plan = _decide(node, agent, world.launchers[node])
    if not plan.actions and plan.again_in is not None and not agent.waited:
        yield Edge(f"agent {node} has waited", world.agent(node, waited=True), own=True)
    after = world
    for action in plan.actions:
        after = _perform(after, node, seen, action)
        name = type(action).__name__
        if action is plan.actions[-1]:
            yield Edge(f"agent {node}: {name}", after, own=True)
        if world.budget.agents:
            yield Edge(f"agent {node} dies after {name}", _dead_agent(after, node), own=False)


def _dead_agent(world: World, node: int) -> World:
    return world._replace(agents=_put(world.agents, node, Agent(None))).spent("agents")


def _perform(world: World, node: int, seen: steps.Observed, action: steps.Action) -> World:
    launcher = world.launchers[node]
    assert seen.vmi is not None
    match action:
        case steps.Connect():
            return world.agent(node, connected=launcher.alive)
        case steps.OpenRelay():
            return world.agent(node, relay=True)
        case steps.CloseRelay():
            return world.agent(node, relay=False)
        case steps.Forget():
            return world.agent(node, relay=False, connected=False, killed=False, dismissed=False)
        case steps.WriteStatus(status=status, labels=changed, annotations=noted):
            return _write(world, node, status_patch(seen.vmi, status, changed, noted))
        case steps.HandOver(status=status):
            runner = runner_of(seen.vmi).handed_to(NEW_POD["metadata"]["uid"])
            return _write(world, node, [*runner_patch(seen.vmi, runner), *status_patch(seen.vmi, status)])
        case steps.Dismiss():
            over = launcher.domain in ("absent", "shutoff")
            return world.launcher(node, alive=launcher.alive and not over).agent(node, dismissed=over)
    return _tell_launcher(world, node, action) if launcher.alive else world


def _tell_launcher(world: World, node: int, action: steps.Action) -> World:
    launcher = world.launchers[node]
    match action:
        case steps.Receive() if not launcher.stage:
            return world.launcher(node, stage=Stage.WAITING.value)
        case steps.Migrate() if not launcher.stage:
            return world.launcher(node, stage=Stage.SENDING.value)
        case steps.AbortMigration() if launcher.stage == Stage.SENDING and not _arrived(world):
            return _resumed(world).launcher(node, aborted=True)
        case steps.TakeOver(paused=paused) if launcher.stage == Stage.RECEIVED:
            domain = "paused" if paused else "running"
            return world.launcher(node, stage=Stage.TAKEN.value, domain=domain, held=paused)
        case steps.Kill() if launcher.domain in ("running", "paused"):
            return world.launcher(node, domain="shutoff").agent(node, killed=True)
    return world


def _write(world: World, node: int, ops: list[Json]) -> World:
    """A patch whose tests hold takes effect; else the agent has read what there is."""
    new = _patched(world.api, json.dumps(ops))
    return world._replace(api=new).agent(node, cache=new)


@functools.cache
def _patched(api: str, ops: str) -> str:
    try:
        return _stored(apply_patch(json.loads(api), json.loads(ops))) if ops != "[]" else api
    except PatchError:
        return api


def _way(world: World) -> Iterator[Edge[World]]:
    """libvirt and the bytes."""
    here, there = world.launchers
    sending = here.alive and here.stage == Stage.SENDING
    if sending and there.alive and all(agent.relay for agent in world.agents):
        if there.stage == Stage.WAITING:
            yield Edge("the domain arrives", world.launcher(TARGET, stage="arriving", domain="paused"), own=True)
        if there.stage == Stage.ARRIVING:
            stopped = world.launcher(SOURCE, domain="paused").launcher(TARGET, stage="received")
            yield Edge("all of it has arrived", stopped, own=True)
    if sending and _arrived(world):
        yield Edge("the source ends", world.launcher(SOURCE, stage="sent", domain="shutoff"), own=True)
    if sending and (not there.alive or not all(agent.relay for agent in world.agents)):
        yield Edge("the way is broken", _resumed(world), own=True)
    arrived = there.alive and there.stage in (Stage.WAITING, Stage.ARRIVING, Stage.RECEIVED)
    if arrived and (here.stage == Stage.FAILED or (there.stage == Stage.ARRIVING and not here.alive)):
        yield Edge("the target gives up", world.launcher(TARGET, stage="failed", domain="absent"), own=True)


def _arrived(world: World) -> bool:
    return world.launchers[TARGET].alive and world.launchers[TARGET].stage == Stage.RECEIVED


def _resumed(world: World) -> World:
    """The guest stays; its launcher sees to it that it does what its user wants."""
    domain = "paused" if world.launchers[SOURCE].held else "running"
    return world.launcher(SOURCE, stage=Stage.FAILED.value, domain=domain)


def _faults(world: World) -> Iterator[Edge[World]]:
    budget = world.budget
    for node in (SOURCE, TARGET):
        if budget.agents and world.agents[node].cache is not None:
            yield Edge(f"agent {node} dies", _dead_agent(world, node), own=False)
        if budget.launchers and world.launchers[node].alive:
            dead = world.launcher(node, alive=False, domain="gone")._replace(lost=True)
            yield Edge(f"launcher {node} dies", dead.spent("launchers"), own=False)
    if budget.breaks and world.launchers[SOURCE].alive and world.launchers[SOURCE].stage == Stage.SENDING:
        yield Edge("the connection breaks", _resumed(world).spent("breaks"), own=False)
    if budget.aborts and not json.loads(world.api)["status"]["migrationState"].get("completed"):
        vmi = json.loads(world.api)
        vmi["status"]["migrationState"]["abortRequested"] = True
        yield Edge("an abort is asked for", world._replace(api=_stored(vmi)).spent("aborts"), own=False)


def runs(world: World) -> list[int]:
    """Where a copy of the guest runs, or stands because its user wants that."""
    return [node for node, launcher in enumerate(world.launchers) if launcher.stands]


def never_two(world: World) -> None:
    """One copy runs at most, and at the target only under its own name."""
    found = runs(world)
    if len(found) > 1:
        raise Broken("two copies run")
    if found == [TARGET] and not runner_of(json.loads(world.api)).is_pod(json.loads(world.api), NEW_POD):
        raise Broken("a copy runs at the target, and the runner is another")


def well_ended(world: World) -> None:
    """At rest the guest runs where the VMI says, or a launcher has died and the VMI says that it failed."""
    vmi = json.loads(world.api)
    found, status = runs(world), vmi["status"]
    if status["phase"] == "Failed":
        if found or not world.lost:
            raise Broken("the VMI failed, though its guest runs or nothing has died")
        return
    if not found:
        raise Broken("nobody runs the guest, and the VMI does not say so")
    if status["nodeName"] != NODES[found[0]] or not runner_of(vmi).is_pod(vmi, PODS[found[0]]):
        raise Broken("the guest runs elsewhere than the VMI says")
    migration_users.well_served(world)
    if not status["migrationState"].get("completed") or labels.MIGRATION_TARGET_NODE_NAME in vmi["metadata"]["labels"]:
        raise Broken("the migration does not end")
