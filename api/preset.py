"""VirtualMachineInstancePreset: hardware that is filled into instances by label. Preferences have taken its place."""

from __future__ import annotations

from api.domain import DomainSpec
from api.meta import LabelSelector, ObjectMeta
from api.view import View


class VirtualMachineInstancePresetSpec(View, frozen=True, kw_only=True):
    """What is filled in, and into which instances."""

    selector: LabelSelector
    """Labels of the instances meant; an empty one means all."""
    domain: DomainSpec | None = None
    """Hardware for what they leave open."""


class VirtualMachineInstancePreset(View, frozen=True, kw_only=True):
    """Hardware shared by instances of some label."""

    api_version: str = ""
    """Group and version of the preset."""
    kind: str = ""
    """VirtualMachineInstancePreset."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the preset."""
    spec: VirtualMachineInstancePresetSpec | None = None
    """What is filled in where."""
