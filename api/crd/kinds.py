"""The kinds of kubevirt.io that are installed: names, printer columns, subresources. One row each."""

from __future__ import annotations

from typing import NamedTuple

from api.kubevirt import KubeVirt
from api.migration import VirtualMachineInstanceMigration
from api.replicaset import VirtualMachineInstanceReplicaSet
from api.view import View
from api.vm import VirtualMachine
from api.vmi import VirtualMachineInstance

GROUP = "kubevirt.io"
STORED_VERSION = "v1"
DEPRECATED_VERSION = "v1alpha3"
DEPRECATION_WARNING = "kubevirt.io/v1alpha3 is now deprecated and will be removed in a future release."


class Column(NamedTuple):
    """A column of `kubectl get`; priority 1 shows only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


class Kind(NamedTuple):
    """A kind as its CRD declares it. `scale` holds the spec, status and selector paths of the scale subresource."""

    view: type[View]
    plural: str
    short_names: tuple[str, ...]
    columns: tuple[Column, ...]
    has_status: bool = True
    scale: tuple[str, str, str] | None = None
    label: str = GROUP

    @property
    def name(self) -> str:
        """The kind's name, such as VirtualMachine."""
        return self.view.__name__


def _condition(name: str, condition: str, priority: int = 0) -> Column:
    return Column(name, f".status.conditions[?(@.type=='{condition}')].status", priority=priority)


_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_PHASE = Column("Phase", ".status.phase")
_READY = _condition("Ready", "Ready")

_ROWS = (
    Kind(
        view=VirtualMachine,
        plural="virtualmachines",
        short_names=("vm", "vms"),
        columns=(_AGE, Column("Status", ".status.printableStatus"), _READY),
    ),
    Kind(
        view=VirtualMachineInstance,
        plural="virtualmachineinstances",
        short_names=("vmi", "vmis"),
        columns=(
            _AGE,
            _PHASE,
            Column("IP", ".status.interfaces[0].ipAddress"),
            Column("NodeName", ".status.nodeName"),
            _READY,
            _condition("Live-Migratable", "LiveMigratable", priority=1),
            _condition("Paused", "Paused", priority=1),
        ),
        has_status=False,
    ),
    Kind(
        view=VirtualMachineInstanceMigration,
        plural="virtualmachineinstancemigrations",
        short_names=("vmim", "vmims"),
        columns=(_PHASE, Column("VMI", ".spec.vmiName")),
    ),
    Kind(
        view=VirtualMachineInstanceReplicaSet,
        plural="virtualmachineinstancereplicasets",
        short_names=("vmirs", "vmirss"),
        columns=(
            Column("Desired", ".spec.replicas", "integer"),
            Column("Current", ".status.replicas", "integer"),
            Column("Ready", ".status.readyReplicas", "integer"),
            _AGE,
        ),
        scale=(".spec.replicas", ".status.replicas", ".status.labelSelector"),
    ),
    Kind(
        view=KubeVirt,
        plural="kubevirts",
        short_names=("kv", "kvs"),
        columns=(_AGE, _PHASE),
        label=f"operator.{GROUP}",
    ),
)

KINDS = {row.name: row for row in _ROWS}
