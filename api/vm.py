"""VirtualMachine: a machine that outlives its runs."""

from __future__ import annotations

from typing import Annotated

from api.datavolume import DataVolumeTemplateSpec
from api.marks import NULLABLE
from api.meta import ObjectMeta
from api.view import View
from api.vm_status import VirtualMachineStatus
from api.vmi import VirtualMachineInstanceTemplateSpec


class InstancetypeMatcher(View, frozen=True, kw_only=True):
    """Which instance type gives CPU, memory and the like."""

    name: str = ""
    """Name of the instance type."""
    kind: str = ""
    """virtualmachineinstancetype or virtualmachineclusterinstancetype; empty means the latter."""
    revision_name: str = ""
    """ControllerRevision to take it from, in place of its current state."""
    infer_from_volume: str = ""
    """Volume whose annotations name it, in place of the name."""
    infer_from_volume_failure_policy: str | None = None
    """Reject (the default) or Ignore a volume that names none."""


class PreferenceMatcher(View, frozen=True, kw_only=True):
    """Which preference fills in what the template leaves open."""

    name: str = ""
    """Name of the preference."""
    kind: str = ""
    """virtualmachinepreference or virtualmachineclusterpreference; empty means the latter."""
    revision_name: str = ""
    """ControllerRevision with the preference as it was."""
    infer_from_volume: str = ""
    """Volume that names the preference by annotation."""
    infer_from_volume_failure_policy: str | None = None
    """Reject (the default) or Ignore when it names none."""


class VirtualMachineSpec(View, frozen=True, kw_only=True):
    """The machine as wanted, and whether it shall run."""

    template: VirtualMachineInstanceTemplateSpec
    """What each run looks like."""
    run_strategy: str | None = None
    """When it runs: Always, Halted, Manual, RerunOnFailure, Once or WaitAsReceiver."""
    running: bool | None = None
    """Old form of runStrategy: true is Always, false is Halted. Not together with it."""
    instancetype: InstancetypeMatcher | None = None
    """Instance type."""
    preference: PreferenceMatcher | None = None
    """Preference."""
    data_volume_templates: tuple[Annotated[DataVolumeTemplateSpec, NULLABLE], ...] = ()
    """Disks to make with the VM."""
    update_volumes_strategy: str | None = None
    """How a running VM changes its volumes: Replacement at restart, or Migration."""


class VirtualMachine(View, frozen=True, kw_only=True):
    """A virtual machine, running or not."""

    api_version: str = ""
    """Group and version."""
    kind: str = ""
    """VirtualMachine."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the object."""
    spec: VirtualMachineSpec
    """What is wanted."""
    status: VirtualMachineStatus = VirtualMachineStatus()
    """What is the case."""
