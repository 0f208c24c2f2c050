"""Something dies while a guest moves: afterwards it runs in exactly one place, and its memory is whole or it is new."""

from collections.abc import Callable, Iterator

import pytest

from tests.e2e.harness import processes
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.counting import OVER, Counting, counting, explained
from tests.e2e.harness.moments import MOMENTS, made_for, reached
from tests.e2e.harness.nodes import reset
from tests.e2e.harness.waiting import until
from tests.e2e.harness.watching import MIGRATIONS, Watching

VICTIMS = (
    "controllers",
    "handler of the source",
    "handler of the target",
    "launcher of the source",
    "launcher of the target",
    "QEMU of the source",
    "QEMU of the target",
    "migration",
    "node of the source",
    "node of the target",
)
SHORT = (
    ("targetNodeAddress", "handler of the target"),
    ("startTimestamp", "handler of the source"),
    ("startTimestamp", "migration"),
    ("targetNodeDomainReadyTimestamp", "handler of the source"),
    ("targetNodeDomainReadyTimestamp", "QEMU of the target"),
)
LONG = tuple((moment, victim) for moment in MOMENTS for victim in VICTIMS)
CASES = [*SHORT, *(pytest.param(*case, marks=pytest.mark.long) for case in LONG)]


class Scene(Counting):
    """The guest, and how to end who has to do with it just now."""

    def victim(self, who: str, source: Object, target: str, migration: str) -> Callable[[], None]:
        """How to end it at once."""
        if who == "controllers":
            return self._component("virt-controller", None)
        if who == "migration":
            return lambda: self.cluster.delete("vmim", migration, self.namespace, "--wait=false")
        kind, side = who.split(" of the ")
        pod = source["metadata"]["name"] if side == "source" else target
        here = source["spec"]["nodeName"]
        others = {each["metadata"]["name"] for each in self.cluster.list("nodes")} - {here}
        node = here if side == "source" else others.pop()
        if kind == "handler":
            return self._component("virt-handler", node)
        if kind == "node":
            return lambda: reset(self.cluster, node, 240)
        return lambda: processes.kill(*(processes.qemu_of(pod) if kind == "QEMU" else processes.of_pod(pod)))

    def _component(self, name: str, node: str | None) -> Callable[[], None]:
        pods = self.cluster.list("pods", "kubevirt", f"kubevirt.io={name}")
        names = [pod["metadata"]["name"] for pod in pods if node in (None, pod["spec"]["nodeName"])]
        running = [pid for pod in names for pid in processes.of_pod(pod)]
        assert running

        def end() -> None:
            processes.kill(*running)
            words = ("pods", *names, "--grace-period=0", "--force", "--wait=false")  # a new pod does not back off
            self.cluster.kubectl("-n", "kubevirt", "delete", *words)

        return end


@pytest.fixture(scope="module")
def scene(cluster: Cluster) -> Iterator[Scene]:
    """One guest for all faults: it survives them, or is started anew."""
    with counting(cluster, "faulted-moves") as guest:
        yield Scene(cluster, guest.namespace)


def outlives(moment: str, who: str) -> bool:
    """Whether the guest must go on with its memory; at the hand-over the copy that dies may be the only one."""
    if who in ("controllers", "migration") or who.startswith("handler"):
        return True
    return moment == MOMENTS[-1] if who.endswith("source") else moment in MOMENTS[:3]


@pytest.mark.parametrize(("moment", "who"), CASES)
def test_one_dies_while_the_guest_moves(cluster: Cluster, scene: Scene, moment: str, who: str) -> None:
    with explained(scene):
        _one_dies(cluster, scene, moment, who)


def _one_dies(cluster: Cluster, scene: Scene, moment: str, who: str) -> None:
    uid = scene.counts_on()
    source = next(pod for pod in scene.launchers(uid) if pod["status"]["phase"] == "Running")
    before = scene.counted(uid)[-1]
    with Watching(cluster, scene.namespace, MIGRATIONS) as watching:
        name = scene.migrate()
        seen = watching.first("the target's pod", made_for(name), 60)
        end = scene.victim(who, source, seen["metadata"]["name"], name)
        watching.first(moment, reached(moment, name), 60)
        end()

    def over() -> bool:
        migration = cluster.get("vmim", name, scene.namespace)
        return migration is None or migration["status"].get("phase") in OVER

    until("the migration is over", over, 180)
    now = scene.counts_on(before, of=uid)
    numbers = scene.counted(uid)
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    assert not twice, f"counted twice: {twice}"
    assert now == uid or not outlives(moment, who), "the guest was lost"
    scene.nothing_left()
