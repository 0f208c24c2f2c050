"""Scenarios of the original done again, all at once: what a person sees of them is the same, in the same order."""

import json
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.e2e.harness.cluster import Cluster
from tests.e2e.harness.evidence import collect
from tests.e2e.harness.recording import Recording
from tests.e2e.harness.replay import Replay
from tests.e2e.harness.tracks import Gap, gaps, tracks
from tests.e2e.harness.waiting import until
from tests.e2e.harness.watching import MIGRATIONS, Watching
from tests.e2e.recorded_differences import BARE, ENDS_OTHERWISE, HELD, LEFT_OUT, NOT_REPLAYED, argued
from tests.unit.virt_controller.recorded import RECORDED, events, needs_recordings

pytestmark = needs_recordings
SCENARIOS = (
    "10-live-update",
    "04-migration",
    "02-vmi-poweroff",
    "12-variants",
    "01-vm-lifecycle",
    "01b-vm-lifecycle-noagent",
    "03-not-starting",
    "05-runstrategy",
    "06-killed",
    "04b-evict",
)
AT_ONCE = 2


def recording(name: str) -> Recording:
    commands = [json.loads(line) for line in (RECORDED / name / "cmds.jsonl").read_text().splitlines()]
    return Recording(name, list(events(name)), commands)


def played(cluster: Cluster, name: str) -> list[str]:
    """What is otherwise than recorded and not argued, one line each."""
    namespace = f"rec-{name}-{uuid.uuid4().hex[:5]}"
    cluster.kubectl("create", "namespace", namespace)
    script = recording(name)
    left_out = LEFT_OUT.get(name, {})
    try:
        with Watching(cluster, namespace, MIGRATIONS) as watching:
            replay = Replay(
                cluster,
                namespace,
                script,
                watching,
                left_out=frozenset(left_out),
                otherwise=ENDS_OTHERWISE.get(name, frozenset()),
                bare=BARE.get(name, frozenset()),
                held=HELD.get(name, frozenset()),
                skips=_plugs,
            )
            replay.run()
            return replay.answers + _unargued(script, watching, namespace, frozenset(left_out))
    except (AssertionError, LookupError) as error:
        return [f"{error}", collect(cluster, namespace)]
    finally:
        cluster.kubectl("-n", namespace, "delete", "vms,vmis", "--all", "--wait=false")
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _unargued(script: Recording, watching: Watching, namespace: str, left_out: frozenset[str]) -> list[str]:
    """The last events may still be on their way: they get a moment."""
    theirs = {track: line for track, line in script.tracks().items() if track.name not in left_out}
    found: list[Gap] = []

    def same() -> bool:
        found[:] = [
            gap for gap in gaps(theirs, tracks(list(watching.events), namespace)) if not argued(script.name, gap)
        ]
        return not found

    try:
        until("the same tracks", same, 10)
    except AssertionError:
        return [str(gap) for gap in found]
    return []


def _plugs(words: list[str]) -> bool:
    """CPUs and memory are not plugged into running guests yet."""
    return any('"sockets"' in word or '"guest"' in word for word in words) and "patch" in words


class Stage:
    """Plays scenarios beside one another: the chosen ones from the start, and one that is asked for again once more."""

    def __init__(self, cluster: Cluster, pool: ThreadPoolExecutor, chosen: Iterable[str]) -> None:
        self._cluster, self._pool = cluster, pool
        self._under_way = {name: self._play(name) for name in chosen}

    def _play(self, name: str) -> Future[list[str]]:
        return self._pool.submit(played, self._cluster, name)

    def strange(self, name: str) -> list[str]:
        return (self._under_way.pop(name, None) or self._play(name)).result(900)


@pytest.fixture(scope="module")
def stage(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Stage]:
    here = [item for item in request.session.items if isinstance(item, pytest.Function) and hasattr(item, "callspec")]
    chosen = {item.callspec.params.get("name") for item in here if item.module is request.module}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield Stage(cluster, pool, [name for name in SCENARIOS if name in chosen])


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_is_lived_as_it_was_recorded(name: str, stage: Stage) -> None:
    strange = stage.strange(name)
    assert not strange, "\n".join(strange)


def test_what_is_left_out_is_refused_for_the_reason_that_is_listed(cluster: Cluster, namespace: str) -> None:
    """A capability that has come takes its row along."""
    for name, objects in LEFT_OUT.items():
        made = [json.loads(entry["stdin"]) for entry in recording(name).commands if entry.get("stdin")]
        for thing in made:
            missing = objects.get(thing["metadata"]["name"])
            if missing is not None:
                thing["metadata"]["namespace"] = namespace
                assert f"{missing}: not supported yet" in cluster.refuse(thing).err


def test_each_scenario_is_replayed_or_listed() -> None:
    there = {path.name for path in RECORDED.iterdir() if path.is_dir()}
    assert there == set(SCENARIOS) | set(NOT_REPLAYED)
