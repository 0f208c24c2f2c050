"""VirtualMachinePool: a number of like VMs, each with a name and disks of its own."""

from __future__ import annotations

from typing import Annotated

from api.core import NodeSelectorRequirement
from api.int_or_string import IntOrString
from api.marks import ATOMIC_LIST, OPAQUE, Int32, UInt32, crd_enum
from api.meta import Condition, LabelSelector, ObjectMeta
from api.migration_state import AT_LEAST_1, NOT_NEGATIVE
from api.view import View
from api.vm import VirtualMachineSpec

SortPolicy = Annotated[str | None, crd_enum("AscendingOrder", "DescendingOrder", "Newest", "Oldest", "Random")]
StatePreservation = Annotated[str | None, crd_enum("Disabled", "Offline", "Online")]


class VirtualMachinePoolSelectors(View, frozen=True, kw_only=True):
    """VMs that are taken before the others."""

    label_selector: LabelSelector | None = None
    """By their own labels."""
    node_selector_requirement_matcher: tuple[NodeSelectorRequirement, ...] = ()
    """By the labels of the node they run on."""


class VirtualMachinePoolSelectionPolicy(View, frozen=True, kw_only=True):
    """In which order VMs are taken."""

    selectors: VirtualMachinePoolSelectors | None = None
    """Those taken first."""
    sort_policy: SortPolicy = None
    """Order of the rest: by number up or down, by age, or Random (the default)."""


class VirtualMachinePoolProactiveScaleInStrategy(View, frozen=True, kw_only=True):
    """VMs beyond the wanted number are deleted at once, running or not."""

    selection_policy: VirtualMachinePoolSelectionPolicy | None = None
    """Which ones go."""
    state_preservation: StatePreservation = None
    """What of their disks is kept."""


class VirtualMachinePoolOpportunisticScaleInStrategy(View, frozen=True, kw_only=True):
    """VMs beyond the wanted number are deleted once they are stopped."""

    state_preservation: StatePreservation = None
    """What is kept of the disks of a VM that goes."""


class VirtualMachinePoolUnmanagedStrategy(View, frozen=True, kw_only=True):
    """The pool leaves it to others."""


class VirtualMachinePoolScaleInStrategy(View, frozen=True, kw_only=True):
    """How the pool shrinks; one of the three."""

    proactive: VirtualMachinePoolProactiveScaleInStrategy | None = None
    """At once (the default)."""
    opportunistic: VirtualMachinePoolOpportunisticScaleInStrategy | None = None
    """As VMs are stopped."""
    unmanaged: VirtualMachinePoolUnmanagedStrategy | None = None
    """Not by the pool."""


class VirtualMachinePoolProactiveUpdateStrategy(View, frozen=True, kw_only=True):
    """A changed template reaches running VMs by restarting them."""

    selection_policy: VirtualMachinePoolSelectionPolicy | None = None
    """Which ones come first."""


class VirtualMachinePoolOpportunisticUpdateStrategy(View, frozen=True, kw_only=True):
    """A changed template reaches a VM when it is next restarted."""


class VirtualMachinePoolUpdateStrategy(View, frozen=True, kw_only=True):
    """How a changed template reaches VMs; one of the three."""

    proactive: VirtualMachinePoolProactiveUpdateStrategy | None = None
    """By restarts (the default)."""
    opportunistic: VirtualMachinePoolOpportunisticUpdateStrategy | None = None
    """As VMs are restarted by others."""
    unmanaged: VirtualMachinePoolUnmanagedStrategy | None = None
    """It does not reach those that exist."""


class VirtualMachinePoolNameGeneration(View, frozen=True, kw_only=True):
    """Which names in the template get the VM's number appended."""

    append_index_to_config_map_refs: bool | None = None
    """True for ConfigMaps."""
    append_index_to_secret_refs: bool | None = None
    """True for Secrets."""


class VirtualMachinePoolAutohealingStrategy(View, frozen=True, kw_only=True):
    """When a VM that does not start is replaced."""

    start_up_failure_threshold: Annotated[UInt32 | None, AT_LEAST_1] = None
    """Starts in a row that may fail; absent means 3."""
    min_failing_to_start_duration: str | None = None
    """For how long they must have failed, such as 5m."""


class VirtualMachineTemplateSpec(View, frozen=True, kw_only=True):
    """The mould of a VM."""

    metadata: Annotated[ObjectMeta, OPAQUE] = ObjectMeta()
    """Labels and annotations of each VM."""
    spec: VirtualMachineSpec | None = None
    """Spec of each VM."""


class VirtualMachinePoolSpec(View, frozen=True, kw_only=True):
    """How many VMs, what they look like, and how the pool changes."""

    selector: LabelSelector
    """Labels of its VMs; the template must have them."""
    virtual_machine_template: VirtualMachineTemplateSpec
    """What each VM looks like."""
    replicas: Annotated[Int32 | None, NOT_NEGATIVE] = None
    """How many VMs; absent means one."""
    paused: bool = False
    """True leaves everything as it is."""
    name_generation: VirtualMachinePoolNameGeneration | None = None
    """How names in the template differ from VM to VM."""
    max_unavailable: IntOrString | None = None
    """How many, or which share, may be out of service while the template is rolled out."""
    scale_in_strategy: VirtualMachinePoolScaleInStrategy | None = None
    """How it shrinks."""
    update_strategy: VirtualMachinePoolUpdateStrategy | None = None
    """How a new template reaches its VMs."""
    autohealing: VirtualMachinePoolAutohealingStrategy | None = None
    """Replacement of VMs that fail; absent means none."""


class VirtualMachinePoolStatus(View, frozen=True, kw_only=True):
    """What the pool has."""

    replicas: Int32 = 0
    """VMs that exist."""
    ready_replicas: Int32 = 0
    """VMs that are ready."""
    conditions: Annotated[tuple[Condition, ...], ATOMIC_LIST] = ()
    """Whether it stands still, and what fails."""
    label_selector: str = ""
    """Its selector in text form, which autoscalers read."""


class VirtualMachinePool(View, frozen=True, kw_only=True):
    """A set of VMs made from one template."""

    api_version: str = ""
    """Group and version of the pool."""
    kind: str = ""
    """VirtualMachinePool."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the pool."""
    spec: VirtualMachinePoolSpec
    """What the pool shall be."""
    status: VirtualMachinePoolStatus = VirtualMachinePoolStatus()
    """What it is."""
