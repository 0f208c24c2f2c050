"""One guest of each kind on a node, for what happens to the node: who runs it, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import processes, vms
from .cluster import Cluster, Object
from .guests import diskless, vm, vmi, vmi_spec
from .waiting import until

STRATEGIES = ("Always", "RerunOnFailure", "Manual", "Once")
SET = "set"
REPLICAS = 2
ENDED = (None, "Succeeded", "Failed")
AGENT_AND_FILES = "#!/bin/sh\noptional guest-agent\nmke2fs -q /dev/vdc\nmount /dev/vdc /mnt\n"


def preferring(made: Object, node: str, annotations: dict[str, str] | None = None) -> Object:
    """The same VM, VMI or replica set, whose guests begin on that node where they can."""
    holder = made["spec"].get("template", made)
    holder.setdefault("metadata", {}).setdefault("annotations", {}).update(annotations or {})
    there = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    preferred = [{"weight": 100, "preference": there}]
    holder["spec"]["affinity"] = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    return made


def of_strategies(namespace: str) -> Iterator[Object]:
    """VMs `always`, `rerunonfailure`, `manual` and `once`, without disks."""
    for strategy in STRATEGIES:
        yield diskless(vm(strategy.lower(), namespace, strategy=strategy, grace=0))


def with_disks(name: str, namespace: str) -> Object:
    """A VM with a container disk, an empty disk with a file system and cloud-init data; its agent runs."""
    made = vm(name, namespace, user_data=AGENT_AND_FILES, grace=0)
    spec = made["spec"]["template"]["spec"]
    spec["domain"]["devices"]["disks"].append({"name": "data", "disk": {"bus": "virtio"}})
    spec["volumes"].append({"name": "data", "emptyDisk": {"capacity": "16Mi"}})
    return made


def replica_set(namespace: str) -> Object:
    spec: dict[str, Any] = vmi_spec(grace=0)
    spec["volumes"] = spec["domain"]["devices"]["disks"] = []
    template = {"metadata": {"labels": {"app": SET}}, "spec": spec}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceReplicaSet",
        "metadata": {"name": SET, "namespace": namespace},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": SET}}, "template": template},
    }


def bare(namespace: str) -> Object:
    return diskless(vmi("bare", namespace, grace=0))


class Guests:
    """All guests of a namespace, by the name of the VMI."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def now(self) -> dict[str, Object]:
        return {vmi["metadata"]["name"]: vmi for vmi in self.cluster.list("vmis", self.namespace)}

    def none_twice(self) -> dict[str, Object]:
        """The VMIs, of which none has two processes; while none moves."""
        found = self.now()
        for name in found:
            copies = processes.guests(f"{self.namespace}_{name}")
            assert len(copies) < 2, f"{name} runs twice: {copies}"
        return found

    def members(self) -> dict[str, Object]:
        """Of the replica set, by UID; those that are going are not counted."""
        alive = (vmi for vmi in self.cluster.list("vmis", self.namespace, f"app={SET}"))
        return {vmi["metadata"]["uid"]: vmi for vmi in alive if "deletionTimestamp" not in vmi["metadata"]}

    def all_run(self, names: Iterable[str], seconds: float = 600) -> dict[str, Object]:
        """Their VMIs, once all are Running."""

        def probe() -> dict[str, Object] | None:
            found = self.now()
            missing = {name: vms.phase(self.cluster, self.namespace, name) for name in names if not _runs(found, name)}
            if missing:
                raise LookupError(f"not Running: {missing}")
            return found

        return until("all guests run", probe, seconds, every=1.0)

    def nothing_left_of(self, launchers: Iterable[str]) -> None:
        """Neither one of these pods that has not ended, nor any process of theirs."""
        names = list(launchers)

        def probe() -> bool:
            phases = {
                pod["metadata"]["name"]: pod["status"]["phase"] for pod in self.cluster.list("pods", self.namespace)
            }
            found = {name: (phases.get(name), processes.of_pod(name)) for name in names}
            if left := {name: (phase, pids) for name, (phase, pids) in found.items() if pids or phase not in ENDED}:
                raise LookupError(f"left: {left}")
            return True

        until("nothing is left of the old launchers", probe, 180, every=1.0)


def _runs(found: dict[str, Object], name: str) -> bool:
    return found.get(name, {}).get("status", {}).get("phase") == "Running"
