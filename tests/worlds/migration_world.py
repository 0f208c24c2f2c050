"""A small world of migrations: the API, two nodes with an agent each, a launcher for each move, and the way between.

The agents decide by the product's own code: `plan.guest.plan`, the patches it writes and the rules of the runner. What
is played here is the rest: caches that lag, agents that die between two actions, launchers that die, a connection
that breaks at any moment, writes whose answer is lost, nodes that are cut off from the API or from each other, and
libvirt, which at the source either ends its guest (`migration_ends`) or resumes it, or switches it before all of its
memory is there: post-copy. Users pause and unpause the guest meanwhile (`migration_users`). When a migration is over,
virt-controller may hand over the next one, to the other node.

The launcher with index i is in the pod that the i-th migration made; 0 is in the VMI's first one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from api.lens import apply_patch
from api.lens_patch import PatchError
from tests.worlds import migration_ends, migration_users
from tests.worlds.search import Broken, Edge
from virt_controller.plan import migration_status
from virt_controller.plan.migration_policy import Manner
from virt_controller.plan.migration_world import Migration as Job
from virt_handler.plan import guest, migration_role, steps
from virt_handler.plan.domain import Domain, Migration, Stage
from virt_handler.plan.patch import announcement, runner_guard, runner_patch, status_patch
from virt_launcher.plan import departure
from virt_launcher.plan.ending import Ending
from virt_model import labels, names
from virt_model.migration_settings import MigrationSettings
from virt_model.runner import runner_of
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
NODES: Final = ("node-a", "node-b")
LONG: Final = 1000.0
BETWEEN: Final = "between"
"""A cut of the way between the nodes; the others are called like the node that does not reach the API."""


@functools.cache
def pod_of(index: int, node: int, alive: bool = True) -> Json:
    """The pod in the API, whose object stays when its launcher has ended."""
    job = {labels.MIGRATION_JOB_UID: f"job-{index}"} if index else {}
    name = names.target_pod_name("a", f"job-{index}") if index else names.launcher_pod_name("a", "vmi")
    metadata = {"namespace": "ns", "name": name, "uid": f"pod-{index}", "labels": job, "annotations": {}}
    return {
        "metadata": metadata,
        "spec": {"nodeName": NODES[node]},
        "status": {"phase": "Running" if alive else "Failed"},
    }


class Launcher(NamedTuple):
    node: int
    alive: bool = True
    domain: str = "absent"  # absent, running, paused, shutoff, crashed
    stage: str = ""
    job: int = 0  # the migration that it tells of, where that is not the one which made it
    aborted: bool = False
    held: bool = False  # its user wants it paused
    past: bool = False  # what has arrived here: the source has run on since
    ending: Ending | None = None  # of a guest that leaves: what QEMU itself has said
    decided: bool = False  # libvirt knows that it has moved, and ends it here
    moved: bool = False  # the launcher says so
    switched: bool = False  # what is here was to run elsewhere while it is fetched

    @property
    def gone(self) -> bool:
        return self.ending is not None and self.ending.gone

    @property
    def stands(self) -> bool:
        """The guest is here and runs, or would if its user let it."""
        arrives = self.stage in (Stage.ARRIVING, Stage.SWITCHED, Stage.RECEIVED)
        paused = self.domain == "paused" and self.held and not arrives and not self.switched
        return self.alive and not self.gone and (self.domain == "running" or paused)


class Agent(NamedTuple):
    """`cache` is the VMI as it knows it, as JSON; None when the agent is down.

    The rest is about the pod with index `of`, -1 before one.
    """

    cache: str | None
    of: int = -1
    relay: bool = False
    connected: bool = False
    waited: bool = False  # long enough for everything it waits for
    killed: bool = False
    dismissed: bool = False
    behind: str | None = None  # what its watch still shows, where the answer to a hand-over has told it more


class Budget(NamedTuple):
    agents: int = 0
    launchers: int = 0
    guests: int = 0  # QEMUs that die under their launcher
    breaks: int = 0
    aborts: int = 0
    cuts: int = 0
    losses: int = 0  # of the answer to a write
    moves: int = 0  # after the first one
    switches: int = 0  # to post-copy
    users: tuple[str, ...] = ()  # each of these is said once, in any order and at the same time


class World(NamedTuple):
    api: str
    agents: tuple[Agent, Agent]
    launchers: tuple[Launcher, ...]
    budget: Budget
    cuts: tuple[str, ...] = ()
    records: tuple[int, int] = (-1, -1)  # by node: the pod that its agent has on disk
    lost: bool = False  # a launcher has died
    calls: tuple[tuple[str, int], ...] = ()  # what virt-api has let pass, and the node that it asks
    wanted: str = ""  # the last action that was answered as done
    early: int = -1  # the launcher whose migration exists and is not handed over yet

    def agent(self, node: int, **changes: Any) -> World:
        return self._replace(agents=_put(self.agents, node, self.agents[node]._replace(**changes)))

    def launcher(self, index: int, **changes: Any) -> World:
        return self._replace(launchers=_put(self.launchers, index, self.launchers[index]._replace(**changes)))

    @property
    def target(self) -> int:
        """Of the latest migration that the agents know of."""
        return target_of(self.api)

    @property
    def source(self) -> int:
        return source_of(self.api)

    def spent(self, what: str) -> World:
        return self._replace(budget=self.budget._replace(**{what: getattr(self.budget, what) - 1}))


def _put(whole: tuple[Any, ...], index: int, new: Any) -> Any:
    return (*whole[:index], new, *whole[index + 1 :])


@functools.cache
def target_of(api: str) -> int:
    """The same of the launcher that it goes to."""
    return int(_job(json.loads(api)).removeprefix("job-"))


@functools.cache
def source_of(api: str) -> int:
    """Index of the launcher that the latest migration leaves."""
    name, most = json.loads(api)["status"]["migrationState"]["sourcePod"], 100
    return next(index for index in range(most) if pod_of(index, 0)["metadata"]["name"] == name)


def begin(budget: Budget) -> World:
    """The guest runs at the source; virt-controller has handed the migration to the agents."""
    vmi: Json = {
        "metadata": {"namespace": "ns", "name": "a", "uid": "vmi", "labels": {labels.NODE_NAME: NODES[0]}},
        "spec": {"domain": {}},
        "status": {"phase": "Running", "nodeName": NODES[0], "activePods": {"pod-0": NODES[0]}},
    }
    vmi["status"] = guest.status.running(vmi, Domain(status="running"), {}, "T")
    alone = World(json.dumps(vmi), (Agent(None), Agent(None)), (Launcher(0, domain="running"),), budget)
    first = _handed_over(_next_move(alone, 0), 0)
    return first._replace(agents=(Agent(first.api, of=0, connected=True), Agent(None)), records=(0, -1))


def _next_move(world: World, source: int) -> World:
    """virt-controller makes the pod of the next migration's target, and it runs."""
    there = 1 - world.launchers[source].node
    return world._replace(launchers=(*world.launchers, Launcher(there)), early=len(world.launchers))


def _handed_over(world: World, source: int) -> World:
    """virt-controller hands the migration over: in the very VMI that it looked at."""
    vmi, index, here = json.loads(world.api), world.early, world.launchers[source].node
    pod, job = pod_of(index, 1 - here), Job({"metadata": {"uid": f"job-{index}"}})
    manner = Manner(settings=MigrationSettings())
    state = migration_status.handed_over(job, Vmi(vmi), Pod(pod_of(source, here)), Pod(pod), manner)
    vmi["metadata"]["labels"][labels.MIGRATION_TARGET_NODE_NAME] = state["targetNode"]
    active = {**vmi["status"]["activePods"], pod["metadata"]["uid"]: state["targetNode"]}
    vmi["status"] = {**vmi["status"], "migrationState": state, "activePods": active}
    (vmi["metadata"].get("annotations") or {}).pop(labels.TARGET_ANSWERS, None)
    return world._replace(api=_stored(vmi), early=-1)


def _coming(world: World) -> Iterator[Edge[World]]:
    """Another migration: it is made, and handed over or called off."""
    source = _movable(world.api)
    if world.early < 0:
        if world.budget.moves and source is not None and _placed(world, source):
            yield Edge("virt-controller begins the next one", _next_move(world, source).spent("moves"), own=False)
        return
    off = world.launcher(world.early, alive=False, domain="gone")._replace(early=-1)
    if source is None or not world.launchers[world.early].alive:
        yield Edge("the next one fails", off, own=True)
        return
    yield Edge("virt-controller hands over the next one", _handed_over(world, source), own=True)
    if world.budget.aborts:
        yield Edge("the next one is called off", off.spent("aborts"), own=False)


def _stored(vmi: Json) -> str:
    """As the API keeps it: its version follows from its content, so that the worlds are finite."""
    plain = {**vmi, "metadata": {key: value for key, value in vmi["metadata"].items() if key != "resourceVersion"}}
    version = str(hash(json.dumps(plain, sort_keys=True)) & 0xFFFFFFFF)
    return json.dumps({**plain, "metadata": {**plain["metadata"], "resourceVersion": version}}, sort_keys=True)


def observe(node: int, agent: Agent, launchers: tuple[Launcher, ...]) -> steps.Observed:
    """As the agent finds it; `of` the pod that matters to the VMI, which `in_mind` has seen to."""
    assert agent.cache is not None
    vmi, pod, launcher = json.loads(agent.cache), pod_of(agent.of, node, launchers[agent.of].alive), launchers[agent.of]
    state = steps.Launcher.CONNECTED if agent.connected else steps.Launcher.READY
    return steps.Observed(
        vmi=vmi, pod=pod, launcher=state if launcher.alive else steps.Launcher.DEAD,
        dead_since=None if launcher.alive else 0.0,
        domain=_domain(launcher, agent.of) if agent.connected else None,
        network=steps.Network.READY, killed=agent.killed, dismissed=agent.dismissed,
        role=migration_role.role_of(vmi, pod, pod["metadata"]["uid"], NODES[node]), node=NODES[node],
        relay=steps.Relay(migration_uid=_job(vmi), address="10.0.0.2", port=4000) if agent.relay else None,
        now=LONG if agent.waited else 0.0, wall="T",
    )  # fmt: skip


def _job(vmi: Json) -> str:
    return str(vmi["status"]["migrationState"]["migrationUid"])


def in_mind(world: World, node: int) -> Agent:
    """The agent, with the pod in mind that matters: of another one than before it knows nothing yet.

    One that has started anew knows of its record, or of a pod whose VMI it does not watch, and asks the API for that.
    """
    agent = world.agents[node]
    assert agent.cache is not None
    known = next((each for each in (agent.of, world.records[node]) if each >= 0), None)
    if known is None and not _watched(agent.cache, node):
        here = [index for index, each in enumerate(world.launchers) if each.node == node]
        known = min(here, key=lambda index: not world.launchers[index].alive, default=None)
    index = _matters(agent.cache, node, known, tuple((each.node, each.alive) for each in world.launchers))
    return agent if index == agent.of else Agent(agent.cache, -1 if index is None else index, behind=agent.behind)


@functools.cache
def _watched(cache: str, node: int) -> bool:
    vmi = json.loads(cache)
    marked = vmi["metadata"]["labels"].get(labels.MIGRATION_TARGET_NODE_NAME)
    return NODES[node] in (vmi["status"]["nodeName"], marked)


@functools.cache
def _matters(cache: str, node: int, known: int | None, pods: tuple[tuple[int, bool], ...]) -> int | None:
    here = [pod_of(index, node, alive) for index, (where, alive) in enumerate(pods) if where == node]
    found = migration_role.pod_here(json.loads(cache), here, "" if known is None else f"pod-{known}")
    return known if found is None else int(found["metadata"]["uid"].removeprefix("pod-"))


def _domain(launcher: Launcher, index: int) -> Domain:
    moving = launcher.stage in (Stage.SENDING, Stage.RECEIVED, Stage.ARRIVING)
    split = "postcopyfailed" if launcher.stage == Stage.FAILED else "postcopy"
    reason = {
        "shutoff": "migrated" if launcher.moved else "destroyed",
        "paused": split if launcher.switched else "migration" if moving else "user",
        "crashed": "crashed",
    }
    status = "absent" if launcher.stage == Stage.FETCHING else launcher.domain  # not the launcher's own yet
    domain = Domain(status=status, reason=reason.get(status, ""), held=launcher.held)
    if not launcher.stage:
        return domain
    job = f"job-{launcher.job or index}"
    told = Migration(
        migration_uid=job, stage=Stage(launcher.stage), aborted=launcher.aborted, post_copy=launcher.switched,
        error="it broke",
    )  # fmt: skip
    return msgspec.structs.replace(domain, migration=told)


def edges(world: World) -> Iterator[Edge[World]]:
    """Everything that may happen next."""
    for edge in _all(world):
        if edge.state != world:
            yield edge


def _all(world: World) -> Iterator[Edge[World]]:
    for node in range(len(NODES)):
        yield from _agent(world, node)
    yield from _way(world)
    yield from _faults(world)
    yield from migration_users.steps(world)
    yield from _coming(world)


def _placed(world: World, source: int) -> bool:
    """Whether the scheduler lets another launcher pod run there: pods of one VMI keep off each other."""
    here = world.launchers[source].node
    return not any(each.alive for each in world.launchers if each.node != here)


@functools.cache
def _movable(api: str) -> int | None:
    """Index of the launcher that another migration may leave."""
    vmi = json.loads(api)
    state, status = vmi["status"]["migrationState"], vmi["status"]
    if status["phase"] != "Running" or not state.get("completed"):
        return None
    uid = runner_of(vmi).pod_uid or "pod-0"
    return int(uid.removeprefix("pod-"))


@functools.cache
def _decide(node: int, agent: Agent, launchers: tuple[Launcher, ...]) -> tuple[steps.Observed, steps.Plan]:
    seen = observe(node, agent, launchers)
    return seen, guest.plan(seen)


def forget_decisions() -> None:
    """For code that was changed meanwhile."""
    _decide.cache_clear()
    _matters.cache_clear()


def _agent(world: World, node: int) -> Iterator[Edge[World]]:
    agent, reached = world.agents[node], NODES[node] not in world.cuts
    if agent.cache is None:
        if reached:
            yield Edge(f"agent {node} starts", world.agent(node, cache=world.api), own=True)
        return
    if (agent.cache, agent.behind) != (world.api, None) and reached:
        yield Edge(f"agent {node} hears of the VMI", world.agent(node, cache=world.api, behind=None), own=True)
    agent = in_mind(world, node)
    if agent.of < 0:
        return  # no pod of the VMI matters here
    before = world._replace(agents=_put(world.agents, node, agent))
    seen, plan = _decide(node, agent, world.launchers[: agent.of + 1])
    if not plan.actions and plan.again_in is not None and not agent.waited:
        yield Edge(f"agent {node} has waited", before.agent(node, waited=True), own=True)
    after = before
    for action in plan.actions:
        done = _perform(after, node, seen, action)
        name = type(action).__name__
        if action is plan.actions[-1]:
            yield Edge(f"agent {node}: {name}", done, own=True)
        if world.budget.agents:
            yield Edge(f"agent {node} dies after {name}", _dead_agent(done, node), own=False)
        if world.budget.losses and done.api != after.api:
            told = after.agents[node]
            unheard = done.agent(node, cache=told.cache, behind=told.behind).spent("losses")
            yield Edge(f"agent {node}: {name}, and no answer comes", unheard, own=False)
        after = done


def _dead_agent(world: World, node: int) -> World:
    return world._replace(agents=_put(world.agents, node, Agent(None))).spent("agents")


def _perform(world: World, node: int, seen: steps.Observed, action: steps.Action) -> World:
    index = world.agents[node].of
    launcher = world.launchers[index]
    assert seen.vmi is not None
    match action:
        case steps.Connect():
            known = world._replace(records=_put(world.records, node, index))
            return known.agent(node, connected=launcher.alive)
        case steps.OpenRelay():
            return world if BETWEEN in world.cuts else world.agent(node, relay=True)
        case steps.CloseRelay():
            return world.agent(node, relay=False)
        case steps.Forget():
            forgot = world._replace(records=_put(world.records, node, -1))
            watched = world.agents[node].behind or world.agents[node].cache
            nothing = {"relay": False, "connected": False, "killed": False, "dismissed": False}
            return forgot.agent(node, cache=watched, behind=None, **nothing)
        case steps.WriteStatus(status=status, labels=changed, annotations=noted):
            ops = status_patch(seen.vmi, status, changed, noted)
            return _write(world, node, [*runner_guard(seen.vmi), *ops] if ops else [])
        case steps.Announce(migration_uid=job):
            return _write(world, node, announcement(seen.vmi, job))
        case steps.HandOver(status=status):
            target = _job(seen.vmi).removeprefix("job-")
            runner = runner_of(seen.vmi).handed_to(f"pod-{target}")
            written = _write(world, node, [*runner_patch(seen.vmi, runner), *status_patch(seen.vmi, status)])
            return written.agent(node, behind=world.agents[node].cache)
        case steps.Dismiss():
            over = launcher.domain in ("absent", "shutoff", "crashed")
            return world.launcher(index, alive=launcher.alive and not over).agent(node, dismissed=over)
    return _tell_launcher(world, node, action, _job(seen.vmi)) if launcher.alive else world


def _tell_launcher(world: World, node: int, action: steps.Action, job: str) -> World:
    index = world.agents[node].of
    launcher, number = world.launchers[index], int(job.removeprefix("job-"))
    match action:
        case steps.Receive() if not launcher.stage:
            return world.launcher(index, stage=Stage.WAITING.value)
        case steps.Migrate() if launcher.domain in ("running", "paused") and _may_send(launcher, number):
            begun = {"stage": Stage.SENDING.value, "job": number, "aborted": False}
            return world.launcher(index, **begun, ending=migration_ends.begins(launcher))
        case steps.AbortMigration() if migration_ends.undecided(launcher) and not _arrived(world):
            return _resumed(world, index).launcher(index, aborted=True)
        case steps.TakeOver(paused=False) if launcher.stage == Stage.SWITCHED:
            return world.launcher(index, stage=Stage.FETCHING.value, domain="running")
        case steps.TakeOver(paused=paused) if launcher.stage == Stage.RECEIVED:
            domain = "paused" if paused else "running"
            return world.launcher(index, stage=Stage.TAKEN.value, domain=domain, held=paused)
        case steps.Kill() if launcher.domain in ("running", "paused"):
            return world.launcher(index, domain="shutoff").agent(node, killed=True)
    return world


def _may_send(launcher: Launcher, job: int) -> bool:
    """A launcher sends once for each migration, one after the other, and never what it has not taken over."""
    return launcher.stage in ("", Stage.TAKEN, Stage.FAILED) and launcher.job != job


def _write(world: World, node: int, ops: list[Json]) -> World:
    """A patch whose tests hold takes effect; else the agent has read what there is. Cut off it learns nothing."""
    if NODES[node] in world.cuts:
        return world
    new = _patched(world.api, json.dumps(ops))
    return world._replace(api=new).agent(node, cache=new, behind=None)


@functools.cache
def _patched(api: str, ops: str) -> str:
    try:
        return _stored(apply_patch(json.loads(api), json.loads(ops))) if ops != "[]" else api
    except PatchError:
        return api


def _way(world: World) -> Iterator[Edge[World]]:
    """libvirt and the bytes."""
    source, target = world.source, world.target
    here, there = world.launchers[source], world.launchers[target]
    open_ = (
        BETWEEN not in world.cuts
        and all(agent.relay and agent.of in (source, target) for agent in world.agents if agent.cache is not None)
        and all(agent.cache is not None for agent in world.agents)
    )
    sending = here.alive and here.stage == Stage.SENDING and here.job == target
    if sending and there.alive and open_:
        if there.stage == Stage.WAITING:
            yield Edge("the domain arrives", world.launcher(target, stage="arriving", domain="paused"), own=True)
        if there.stage == Stage.ARRIVING:
            assert here.ending is not None
            stopped = world.launcher(source, domain="paused", ending=migration_ends.arrived(here.ending))
            yield Edge("all of it has arrived", stopped.launcher(target, stage="received", held=False), own=True)
    if sending:
        yield from migration_ends.steps(world, there.alive and there.stage == Stage.RECEIVED)
    yield from _post_copy(world, open_)
    if sending and migration_ends.undecided(here) and (not there.alive or there.stage == Stage.FAILED or not open_):
        yield Edge("the way is broken", _resumed(world, source), own=True)
    arrived = there.alive and there.stage in (Stage.WAITING, Stage.RECEIVED)
    fills = there.alive and there.stage in (Stage.ARRIVING, Stage.SWITCHED, Stage.FETCHING)
    gave_up = here.stage == Stage.FAILED and here.job == target and not (here.switched and arrived)
    if (arrived and gave_up) or (fills and (gave_up or not here.alive or here.domain == "crashed")):
        yield Edge("the target gives up", world.launcher(target, stage="failed", domain="absent"), own=True)


def _post_copy(world: World, open_: bool) -> Iterator[Edge[World]]:
    """QEMU has the target ready first, and the source hears of it; until then the source would go on after a break."""
    source, target = world.source, world.target
    here, there = world.launchers[source], world.launchers[target]
    if not (here.alive and here.job == target):
        return
    if here.stage == Stage.SENDING and there.alive and open_:
        if there.stage == Stage.ARRIVING and world.budget.switches:
            standing = world.launcher(source, domain="paused").launcher(target, stage="switched", held=False)
            yield Edge("time is up, and the target could run", standing.spent("switches"), own=False)
        if there.stage == Stage.SWITCHED:
            yield Edge("the source hears of it", world.launcher(source, stage="switched", switched=True), own=True)
    if here.stage != Stage.SWITCHED:
        return
    if there.alive and open_ and there.stage in (Stage.SWITCHED, Stage.FETCHING):
        yield Edge("the rest has arrived", world.launcher(target, stage="received"), own=True)
    if there.alive and there.stage in (Stage.RECEIVED, Stage.TAKEN):
        yield Edge("the source ends", world.launcher(source, stage="sent", domain="shutoff", moved=True), own=True)
    if not there.alive or there.stage == Stage.FAILED or not open_:
        yield Edge("the way is broken", _resumed(world, source), own=True)


def _arrived(world: World) -> bool:
    there = world.launchers[world.target]
    return there.alive and there.stage in (Stage.SWITCHED, Stage.RECEIVED)


def _resumed(world: World, source: int) -> World:
    """The guest stays; its launcher sees to it that it does what its user wants, unless it was switched."""
    here = world.launchers[source]
    if not departure.goes_on(switched=here.switched):
        return world.launcher(source, stage=Stage.FAILED.value)._replace(lost=True)
    assert here.ending is not None
    if _arrived(world):
        world = world.launcher(world.target, past=True)
    domain = "paused" if here.held else "running"
    return world.launcher(source, stage=Stage.FAILED.value, domain=domain, ending=migration_ends.ran_on(here.ending))


def _faults(world: World) -> Iterator[Edge[World]]:
    budget = world.budget
    for node in range(len(NODES)):
        if budget.agents and world.agents[node].cache is not None:
            yield Edge(f"agent {node} dies", _dead_agent(world, node), own=False)
    for index, launcher in enumerate(world.launchers):
        if budget.launchers and launcher.alive and index in (world.source, world.target, world.early):
            dead = world.launcher(index, alive=False, domain="gone")._replace(lost=True)
            yield Edge(f"launcher {index} dies", dead.spent("launchers"), own=False)
        if budget.guests and launcher.alive and launcher.domain in ("running", "paused"):
            dead = _guest_died(world, index).spent("guests")
            yield Edge(f"the guest in launcher {index} dies", dead, own=False)
    source = world.launchers[world.source]
    breaks = migration_ends.undecided(source) or (source.alive and source.stage == Stage.SWITCHED)
    if budget.breaks and breaks:
        yield Edge("the connection breaks", _resumed(world, world.source).spent("breaks"), own=False)
    if budget.aborts and (asked := _aborted(world.api)) != world.api:
        yield Edge("an abort is asked for", world._replace(api=asked).spent("aborts"), own=False)
    for cut in (*NODES, BETWEEN):
        if budget.cuts and cut not in world.cuts:
            cuts = tuple(sorted((*world.cuts, cut)))
            yield Edge(f"a cut: {cut}", world._replace(cuts=cuts).spent("cuts"), own=False)
        if cut in world.cuts:
            healed = tuple(each for each in world.cuts if each != cut)
            yield Edge(f"healed: {cut}", world._replace(cuts=healed), own=True)


def _guest_died(world: World, index: int) -> World:
    """QEMU has: what arrives is a failed arrival, what leaves a failed departure."""
    launcher, lost = world.launchers[index], world._replace(lost=True)
    if launcher.stage in (Stage.ARRIVING, Stage.FETCHING, Stage.RECEIVED) or (
        launcher.stage == Stage.SWITCHED and not launcher.switched
    ):
        return lost.launcher(index, stage=Stage.FAILED.value, domain="absent")
    if launcher.decided and launcher.ending is not None and launcher.stage == Stage.SENDING:
        return lost.launcher(index, ending=migration_ends.gone(launcher.ending))
    stage = Stage.FAILED.value if launcher.stage in (Stage.SENDING, Stage.SWITCHED) else launcher.stage
    return lost.launcher(index, stage=stage, domain="crashed")


@functools.cache
def _aborted(api: str) -> str:
    vmi = json.loads(api)
    if vmi["status"]["migrationState"].get("completed"):
        return api
    vmi["status"]["migrationState"]["abortRequested"] = True
    return _stored(vmi)


def runs(world: World) -> list[int]:
    """Where a copy of the guest runs, or stands because its user wants that."""
    return [node for node, launcher in enumerate(world.launchers) if launcher.stands]


@functools.cache
def _is_runner(api: str, index: int, node: int) -> bool:
    vmi = json.loads(api)
    return runner_of(vmi).is_pod(vmi, pod_of(index, node))


def never_two(world: World) -> None:
    """One copy runs at most, and at a target only under its own name."""
    found = runs(world)
    if len(found) > 1:
        raise Broken("two copies run")
    if found and world.launchers[found[0]].past:
        raise Broken("a copy of the past runs")
    if found and found[0] and not _is_runner(world.api, found[0], world.launchers[found[0]].node):
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
    node = world.launchers[found[0]].node
    if status["nodeName"] != NODES[node] or not _is_runner(world.api, found[0], node):
        raise Broken("the guest runs elsewhere than the VMI says")
    left = [index for index, each in enumerate(world.launchers) if index != found[0] and each.alive]
    if left:
        raise Broken(f"something of the guest is left at launcher {left[0]}")
    migration_users.well_served(world)
    if not status["migrationState"].get("completed") or labels.MIGRATION_TARGET_NODE_NAME in vmi["metadata"]["labels"]:
        raise Broken("the migration does not end")
    if (vmi["metadata"].get("annotations") or {}).get(labels.TARGET_ANSWERS) == _job(vmi):
        raise Broken("the VMI still says of a migration that was handed over that its target answers")
