"""A guest that counts aloud, so that everybody can hear who ran when.

It counts on its serial console, which every launcher pod keeps as the log of a container. What a pod has logged was
counted by the copy of the guest in that pod: a number that two pods have is a guest that ran twice, and one that starts
again at 1 is another guest.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import processes, vms
from .cluster import Cluster, Object
from .evidence import collect
from .guests import vm
from .waiting import until

COUNTING = "#!/bin/sh\n(n=0; while :; do n=$((n+1)); echo tick $n > /dev/ttyS0; sleep 0.3; done) &\n"
OVER = ("Succeeded", "Failed")
TARGET_LABEL = "kubevirt.io/migrationTargetNodeName"


class Counting:
    """The guest of the VM `name`, and who has to do with it just now."""

    def __init__(self, cluster: Cluster, namespace: str, name: str = "counter") -> None:
        self.cluster, self.namespace, self.name = cluster, namespace, name
        self._ended: dict[str, list[int]] = {}
        """What launchers have counted that count no more, by pod: a guest that moves often leaves many."""

    @property
    def vmi(self) -> Object:
        found = self.cluster.get("vmi", self.name, self.namespace)
        if found is None:
            raise LookupError("there is no VMI")
        return found

    @property
    def state(self) -> Object:
        """How its last migration went, as the VMI tells."""
        return self.vmi["status"].get("migrationState") or {}

    def launchers(self, vmi_uid: str) -> list[Object]:
        return self.cluster.list("pods", self.namespace, f"kubevirt.io/created-by={vmi_uid}")

    def ticks(self, pod: str) -> list[int]:
        """What the copy in that pod has counted; the last line may be half a one."""
        return _numbers(self.console(pod) or "")

    def console(self, pod: str) -> str | None:
        """What the copy in that pod has printed; None where that cannot be read."""
        return self.cluster.log(self.namespace, pod, "guest-console-log")

    def counts_on(self, after: int = 0, seconds: float = 180, of: str = "") -> str:
        """UID of the VMI, once its guest has counted beyond `after` in the one place where it runs.

        `of` is the VMI that had counted so far: a new one begins anew.
        """

        def probe() -> str | None:
            vmi = self.vmi
            uid: str = vmi["metadata"]["uid"]
            if vmi["status"].get("phase") != "Running" or not vms.is_true(vmi, "Ready"):
                return None
            copies = processes.guests(f"{self.namespace}_{self.name}")
            if len(copies) != 1:
                raise LookupError(f"{len(copies)} processes hold the guest")
            here = vmi["status"]["nodeName"]  # a pod on a node that has died is Running for ever
            alive = [pod for pod in self.launchers(uid) if pod["status"]["phase"] == "Running"]
            pods = [pod["metadata"]["name"] for pod in alive if pod["spec"]["nodeName"] == here]
            counted = self.ticks(pods[0]) if len(pods) == 1 else []
            beyond = after if of in ("", uid) else 0
            return uid if counted and counted[-1] > beyond else None

        return until(f"the guest counts beyond {after} in one place", probe, seconds, every=0.5)

    def counted(self, vmi_uid: str) -> list[int]:
        """By all copies of that VMI's guest."""
        return [number for pod in self.launchers(vmi_uid) for number in self._counted_in(pod)]

    def _counted_in(self, pod: Object) -> list[int]:
        name = pod["metadata"]["name"]
        if name not in self._ended:
            said = self.console(name)
            if said is None or pod["status"]["phase"] not in OVER:
                return _numbers(said or "")
            self._ended[name] = _numbers(said)
        return self._ended[name]

    def counts_on_alone(self, vmi_uid: str) -> None:
        """It is still that guest, it goes on, and never did two copies of it count."""
        before = max(self.counted(vmi_uid), default=0)
        assert self.counts_on(before, of=vmi_uid) == vmi_uid, "the guest was lost"
        numbers = self.counted(vmi_uid)
        twice = sorted({number for number in numbers if numbers.count(number) > 1})
        assert not twice, f"counted twice: {twice}"

    def migrate(self, to: str = "", **annotations: str) -> str:
        """Ask for a migration, to that node if one is named; gives the migration's name."""
        name = f"move-{uuid.uuid4().hex[:5]}"
        metadata = {"name": name, "namespace": self.namespace, "annotations": annotations}
        selector = {"addedNodeSelector": {"kubernetes.io/hostname": to}} if to else {}
        self.cluster.create(
            {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstanceMigration", "metadata": metadata,
             "spec": {"vmiName": self.name, **selector}}
        )  # fmt: skip
        return name

    def migration(self, name: str) -> Object:
        """Raises LookupError once it is gone."""
        found = self.cluster.get("vmim", name, self.namespace)
        if found is None:
            raise LookupError(f"there is no migration {name}")
        return found

    def over(self, name: str, seconds: float = 180) -> Object:
        """The migration of that name once it is over and holds how it went."""

        def probe() -> Object | None:
            found = self.migration(name)
            status: Object = found.get("status") or {}
            told = (status.get("migrationState") or {}).get("completed")
            return found if status.get("phase") in OVER and told else None

        return until(f"migration {name} is over", probe, seconds)

    def nothing_left(self) -> None:
        """On both nodes: of all launchers only the runner's has processes, and no agent listens for a migration."""

        def probe() -> bool:
            found = self.cluster.list("pods", self.namespace, f"app={self.name}")  # of an earlier VMI of that name too
            pods = {pod["metadata"]["name"]: pod["status"]["phase"] for pod in found}
            alive = [name for name, phase in pods.items() if phase not in OVER]
            marks = self.vmi["metadata"]["labels"]
            if len(alive) != 1 or TARGET_LABEL in marks:
                raise LookupError(f"{pods}, labels {marks}")
            running = processes.of_pods(*pods)
            if left := {name: pids for name, pids in running.items() if name not in alive and pids}:
                raise LookupError(f"processes of launchers that have ended: {left}")
            if doors := listening(self.cluster):
                raise LookupError(f"agents listen: {doors}")
            return not processes.doors(running[alive[0]], processes.LOOPBACK)

        until("nothing is left of the migration", probe, 120, every=1.0)


def _numbers(said: str) -> list[int]:
    return [int(number) for number in re.findall(r"^tick (\d+)\r?$", said, re.MULTILINE)]


def listening(cluster: Cluster) -> dict[str, list[int]]:
    """Ports of the agents' own addresses at which they wait for a migration, by agent."""
    agents = {pod["metadata"]["name"]: pod for pod in cluster.list("pods", "kubevirt", "kubevirt.io=virt-handler")}
    running = processes.of_pods(*agents)
    doors = {name: processes.doors(running[name], pod["status"].get("podIP", "")) for name, pod in agents.items()}
    return {name: ports for name, ports in doors.items() if ports}


@contextmanager
def counting(cluster: Cluster, what: str, change: Callable[[Object], None] = lambda made: None, **options: Any
             ) -> Iterator[Counting]:  # fmt: skip
    """A guest for several tests in a namespace of its own; `change` gets the VM before it is made."""
    namespace = f"{what}-{uuid.uuid4().hex[:5]}"
    cluster.kubectl("create", "namespace", namespace)
    found = Counting(cluster, namespace)
    made = vm(found.name, namespace, grace=0, **{"user_data": COUNTING, **options})
    change(made)
    cluster.create(made)
    try:
        yield found
    finally:
        cluster.kubectl("-n", namespace, "delete", "vms", "--all", "--wait=false")
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def explained(guest: Counting) -> Iterator[None]:
    """What explains a failure is printed, for a guest that is not in the test's own namespace."""
    try:
        yield
    except Exception:
        print(collect(guest.cluster, guest.namespace))
        raise
