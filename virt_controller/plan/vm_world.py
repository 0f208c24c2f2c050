"""What the VM controller knows when it plans, and how the answers of the API enter it."""

from __future__ import annotations

from typing import Any

import msgspec

from virt_controller.plan.actions import Action, Create, Delete, Kind, Refusal
from virt_model.config import ClusterConfig
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]


class VmWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A VM and its VMI, from the cache or (`live`) as the API just showed them."""

    vm: Vm
    vmi: Vmi | None = None  # the VMI of the VM's name, ours or not
    live: bool = False
    revisions: tuple[str, ...] = ()  # names of the start revisions that exist; known when live
    started_spec: Json | None = None  # the VM's spec as it was at the start of this VMI
    started_spec_asked: bool = False
    config: ClusterConfig = ClusterConfig()
    now: float  # seconds since 1970
    refusal: Refusal | None = None

    @property
    def own(self) -> Vmi | None:
        """The VMI if this VM controls it."""
        return self.vmi if self.vmi is not None and self.vmi.controlled_by(self.vm.uid) else None

    @property
    def foreign(self) -> Vmi | None:
        """A VMI that bears our name and belongs to somebody else, or to nobody."""
        return self.vmi if self.own is None else None

    def after(self, action: Action, answer: Json | None) -> VmWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back, None when it is gone."""
        if action.kind is Kind.VM and answer is not None:
            return msgspec.structs.replace(self, vm=Vm(answer))
        if action.kind is Kind.VMI:
            return msgspec.structs.replace(self, vmi=Vmi(answer) if answer is not None else None)
        if action.kind is Kind.REVISION:
            return self._after_revision(action)
        return self

    def _after_revision(self, action: Action) -> VmWorld:
        if isinstance(action, Create):
            names = {*self.revisions, str(action.body["metadata"]["name"])}
        elif isinstance(action, Delete):
            names = {name for name in self.revisions if name != action.name}
        else:
            names = {*self.revisions}
        return msgspec.structs.replace(self, revisions=tuple(sorted(names)))
