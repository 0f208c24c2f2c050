"""VirtualMachineInstanceReplicaSet: a number of like instances, none of them dear."""

from __future__ import annotations

from typing import Annotated

from api.marks import NULLABLE, Int32
from api.meta import Condition, LabelSelector, ObjectMeta
from api.view import View
from api.vmi import VirtualMachineInstanceTemplateSpec


class VirtualMachineInstanceReplicaSetSpec(View, frozen=True, kw_only=True):
    """How many, and what they look like."""

    selector: LabelSelector
    """Labels of the instances; the template must have them."""
    template: VirtualMachineInstanceTemplateSpec
    """What each looks like."""
    replicas: Int32 | None = None
    """How many; absent means one."""
    paused: bool = False
    """True makes and deletes none for now."""


class VirtualMachineInstanceReplicaSetStatus(View, frozen=True, kw_only=True):
    """How many there are."""

    replicas: Int32 = 0
    """Instances that exist."""
    ready_replicas: Int32 = 0
    """Instances that are ready."""
    conditions: tuple[Condition, ...] = ()
    """Whether it is paused, and whether making or deleting fails."""
    label_selector: str = ""
    """The selector as text, for autoscalers."""


class VirtualMachineInstanceReplicaSet(View, frozen=True, kw_only=True):
    """A set of interchangeable instances."""

    api_version: str = ""
    """Group and version of the set."""
    kind: str = ""
    """VirtualMachineInstanceReplicaSet."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the set."""
    spec: VirtualMachineInstanceReplicaSetSpec
    """How many of what."""
    status: Annotated[VirtualMachineInstanceReplicaSetStatus, NULLABLE] = VirtualMachineInstanceReplicaSetStatus()
    """How many there are."""
