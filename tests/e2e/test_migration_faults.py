"""Something dies while a guest moves: afterwards it runs in exactly one place, and its memory is whole or it is new.

The guest counts aloud on its serial console, which every launcher pod keeps as the log of a container. What a pod has
logged was counted by the copy of the guest in that pod: a number that two pods have is a guest that ran twice, and one
that starts again at 1 is another guest.
"""

import re
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.harness import processes, vms
from tests.e2e.harness.cluster import Cluster, Object
from tests.e2e.harness.evidence import collect
from tests.e2e.harness.guests import vm
from tests.e2e.harness.nodes import all_is_well
from tests.e2e.harness.waiting import until
from tests.e2e.harness.watching import MIGRATIONS, Watching

GUEST = "counter"
COUNTING = "#!/bin/sh\n(n=0; while :; do n=$((n+1)); echo tick $n > /dev/ttyS0; sleep 0.3; done) &\n"
OVER = ("Succeeded", "Failed")
#: moments of a migration, told by the VMI's migrationState (and before that, by the migration's phase)
MOMENTS = ("Scheduling", "targetNodeAddress", "startTimestamp", "targetNodeDomainReadyTimestamp", "endTimestamp")
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
LONG = tuple((moment, victim) for moment in MOMENTS for victim in VICTIMS for _ in range(2))
CASES = [*SHORT, *(pytest.param(*case, marks=pytest.mark.long) for case in LONG)]


class Scene:
    """The guest, and who has to do with it just now."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    @property
    def vmi(self) -> Object:
        found = self.cluster.get("vmi", GUEST, self.namespace)
        if found is None:
            raise LookupError("there is no VMI")
        return found

    def launchers(self, vmi_uid: str) -> list[Object]:
        return self.cluster.list("pods", self.namespace, f"kubevirt.io/created-by={vmi_uid}")

    def ticks(self, pod: str) -> list[int]:
        """What the copy in that pod has counted; the last line may be half a one."""
        said = self.cluster.try_kubectl("-n", self.namespace, "logs", pod, "-c", "guest-console-log").out
        return [int(number) for number in re.findall(r"^tick (\d+)\r?$", said, re.MULTILINE)]

    def counts_on(self, after: int = 0) -> str:
        """UID of the VMI, once its guest has counted beyond `after` in the one place where it runs."""

        def probe() -> str | None:
            vmi = self.vmi
            uid: str = vmi["metadata"]["uid"]
            if vmi["status"].get("phase") != "Running" or not vms.is_true(vmi, "Ready"):
                return None
            copies = processes.guests(f"{self.namespace}_{GUEST}")
            if len(copies) != 1:
                raise LookupError(f"{len(copies)} processes hold the guest")
            pods = [pod for pod in self.launchers(uid) if pod["status"]["phase"] == "Running"]
            counted = self.ticks(pods[0]["metadata"]["name"]) if len(pods) == 1 else []
            return uid if counted and counted[-1] > after else None

        return until(f"the guest counts beyond {after} in one place", probe, 180, every=0.5)

    def counted(self, vmi_uid: str) -> list[int]:
        """By all copies of that VMI's guest."""
        return [number for pod in self.launchers(vmi_uid) for number in self.ticks(pod["metadata"]["name"])]

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
            return lambda: self._reboot(node)
        return lambda: processes.kill(*(processes.qemu_of(pod) if kind == "QEMU" else processes.of_pod(pod)))

    def _reboot(self, node: str) -> None:
        """A power cut, and the power comes back."""
        self.cluster.node("kill", node)
        self.cluster.node("start", node)
        until("all is well again", lambda: all_is_well(self.cluster), 240)

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
    namespace = f"faulted-moves-{uuid.uuid4().hex[:5]}"
    cluster.kubectl("create", "namespace", namespace)
    cluster.create(vm(GUEST, namespace, user_data=COUNTING, grace=0))
    yield Scene(cluster, namespace)
    cluster.kubectl("-n", namespace, "delete", "vms", "--all", "--wait=false")
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def outlives(moment: str, who: str) -> bool:
    """Whether the guest must go on with its memory; at the hand-over the copy that dies may be the only one."""
    if who in ("controllers", "migration") or who.startswith("handler"):
        return True
    return moment == MOMENTS[-1] if who.endswith("source") else moment in MOMENTS[:3]


def reached(moment: str, migration: str) -> Callable[[Object], bool]:
    """Whether an object says that the migration of that name has come so far, or is over."""

    def wanted(seen: Object) -> bool:
        kind, status = seen["kind"], seen.get("status") or {}
        if kind == "VirtualMachineInstanceMigration" and seen["metadata"]["name"] == migration:
            return status.get("phase") in (moment, *OVER)
        state = status.get("migrationState") or {}
        return kind == "VirtualMachineInstance" and not state.get("completed") and bool(state.get(moment))

    return wanted


@pytest.mark.parametrize(("moment", "who"), CASES)
def test_one_dies_while_the_guest_moves(cluster: Cluster, scene: Scene, moment: str, who: str) -> None:
    try:
        _one_dies(cluster, scene, moment, who)
    except AssertionError:
        print(collect(cluster, scene.namespace))
        raise


def _one_dies(cluster: Cluster, scene: Scene, moment: str, who: str) -> None:
    uid = scene.counts_on()
    source = next(pod for pod in scene.launchers(uid) if pod["status"]["phase"] == "Running")
    before = scene.counted(uid)[-1]
    made: Object = {
        "apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration",
        "metadata": {"name": f"move-{uuid.uuid4().hex[:5]}"}, "spec": {"vmiName": GUEST},
    }  # fmt: skip
    name = made["metadata"]["name"]
    made["metadata"]["namespace"] = scene.namespace
    with Watching(cluster, scene.namespace, MIGRATIONS) as watching:
        cluster.create(made)
        seen = watching.first("the target's pod", lambda each: job(each) == name, 60)
        end = scene.victim(who, source, seen["metadata"]["name"], name)
        watching.first(moment, reached(moment, name), 60)
        end()

    def over() -> bool:
        migration = cluster.get("vmim", name, scene.namespace)
        return migration is None or migration["status"].get("phase") in OVER

    until("the migration is over", over, 180)
    now = scene.counts_on(before if scene.vmi["metadata"]["uid"] == uid else 0)
    numbers = scene.counted(uid)
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    assert not twice, f"counted twice: {twice}"
    assert now == uid or not outlives(moment, who), "the guest was lost"


def job(seen: Object) -> str | None:
    """Name of the migration that a pod is made for."""
    named: dict[str, str] = seen["metadata"].get("annotations") or {}
    return named.get("kubevirt.io/migrationJobName") if seen["kind"] == "Pod" else None
