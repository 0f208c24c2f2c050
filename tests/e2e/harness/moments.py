"""Moments of a migration, for a test that does something just then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import processes
from .cluster import Object
from .counting import OVER, Counting
from .watching import MIGRATIONS, Watching

MOMENTS = ("Scheduling", "targetNodeAddress", "startTimestamp", "targetNodeDomainReadyTimestamp", "endTimestamp")
"""In their order, told by the VMI's migrationState (and before that, by the migration's phase)."""
SENDING = "podvirt.io/migration-progress"
"""The annotation that tells that data flows, some seconds after the start."""


def reached(moment: str, migration: str) -> Callable[[Object], bool]:
    """Whether an object says that the migration of that name has come so far, or is over."""

    def wanted(seen: Object) -> bool:
        kind, status = seen["kind"], seen.get("status") or {}
        if kind == "VirtualMachineInstanceMigration" and seen["metadata"]["name"] == migration:
            return status.get("phase") in (moment, *OVER)
        if kind != "VirtualMachineInstance":
            return False
        state = status.get("migrationState") or {}
        told = state.get(moment) or (seen["metadata"].get("annotations") or {}).get(moment)
        return not state.get("completed") and bool(told)

    return wanted


def made_for(migration: str) -> Callable[[Object], bool]:
    """Whether an object is the pod that the migration of that name made."""

    def wanted(seen: Object) -> bool:
        named: dict[str, str] = seen["metadata"].get("annotations") or {}
        return seen["kind"] == "Pod" and named.get("kubevirt.io/migrationJobName") == migration

    return wanted


class Move:
    """A migration of the guest that has come to a moment, and between whom."""

    def __init__(self, guest: Counting, moment: str) -> None:
        self.uid = guest.counts_on()
        self.source = next(pod for pod in guest.launchers(self.uid) if pod["status"]["phase"] == "Running")
        self.source_node: str = self.source["spec"]["nodeName"]
        (self.target_node,) = {node["metadata"]["name"] for node in guest.cluster.list("nodes")} - {self.source_node}
        with Watching(guest.cluster, guest.namespace, MIGRATIONS) as watching:
            self.name = guest.migrate()
            seen = watching.first("the target's pod", made_for(self.name), 60)
            self.target: str = seen["metadata"]["name"]
            watching.first(moment, reached(moment, self.name), 60)

    def qemu_of_source(self) -> list[int]:
        return processes.qemu_of(self.source["metadata"]["name"])


@contextmanager
def slowly(guest: Counting, **settings: object) -> Iterator[None]:
    """A MigrationPolicy for the guest."""
    selectors = {"namespaceSelector": {"kubernetes.io/metadata.name": guest.namespace}}
    guest.cluster.create(
        {"apiVersion": "migrations.kubevirt.io/v1alpha1", "kind": "MigrationPolicy",
         "metadata": {"name": guest.namespace}, "spec": {"selectors": selectors, **settings}}
    )  # fmt: skip
    try:
        yield
    finally:
        guest.cluster.kubectl("delete", "migrationpolicy", guest.namespace)
