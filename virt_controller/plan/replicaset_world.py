"""What the replica set controller knows when it plans, and how the answers of the API enter it."""

from __future__ import annotations

from typing import Any

import msgspec

from api.label_selector import InvalidSelector, Requirements, matches, requirements
from api.meta import LabelSelector
from virt_controller.plan.actions import Action, Create, Kind, Refusal
from virt_model.conditions import Type, is_false, is_true, reason_of
from virt_model.readiness import TERMINATING
from virt_model.seen import Seen, Vmi

Json = dict[str, Any]


class ReplicaSet(Seen, frozen=True):
    """A VirtualMachineInstanceReplicaSet."""

    @property
    def wanted(self) -> int:
        """How many instances there shall be."""
        replicas = self.spec.get("replicas")
        return 1 if replicas is None else int(replicas)

    @property
    def paused(self) -> bool:
        return bool(self.spec.get("paused"))

    @property
    def template(self) -> Json:
        return self.spec.get("template") or {}

    @property
    def selector(self) -> Requirements | None:
        """What chooses its instances; None where nothing can be chosen by it."""
        try:
            return requirements(msgspec.convert(self.spec.get("selector"), LabelSelector))
        except (msgspec.ValidationError, InvalidSelector):
            return None


class ReplicaSetWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A replica set and the VMIs of its namespace, from the cache or (`live`) as the API just showed them."""

    replicaset: ReplicaSet
    vmis: tuple[Vmi, ...] = ()  # sorted by name, others' as well: they may be adopted, and their names are taken
    live: bool = False
    done: int = 0  # VMIs made, deleted, adopted and released in this pass
    now: float  # seconds since 1970
    refusal: Refusal | None = None

    @property
    def own(self) -> tuple[Vmi, ...]:
        """The VMIs that it controls."""
        return tuple(vmi for vmi in self.vmis if vmi.controlled_by(self.replicaset.uid))

    @property
    def active(self) -> tuple[Vmi, ...]:
        """Those that count: alive, and meant to stay so."""
        return tuple(vmi for vmi in self.own if not vmi.deleting and not is_over(vmi))

    @property
    def finished(self) -> tuple[Vmi, ...]:
        """Those that are over and lie there."""
        return tuple(vmi for vmi in self.own if not vmi.deleting and is_over(vmi))

    @property
    def strays(self) -> tuple[Vmi, ...]:
        """VMIs of nobody that it would choose, and are worth having."""
        return tuple(
            vmi
            for vmi in self.vmis
            if vmi.controller() is None and not vmi.deleting and not is_over(vmi) and self._chooses(vmi)
        )

    @property
    def deserters(self) -> tuple[Vmi, ...]:
        """Its own VMIs whose labels it does not choose any more."""
        return tuple(vmi for vmi in self.own if not vmi.deleting and not self._chooses(vmi))

    def _chooses(self, vmi: Vmi) -> bool:
        selector = self.replicaset.selector
        return selector is not None and matches(selector, vmi.labels)

    def after(self, action: Action, answer: Json | None) -> ReplicaSetWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back, None when it is gone."""
        if action.kind is Kind.REPLICASET and answer is not None:
            return msgspec.structs.replace(self, replicaset=ReplicaSet(answer))
        if action.kind is Kind.VMI:
            name = action.body["metadata"]["name"] if isinstance(action, Create) else action.name
            others = [vmi for vmi in self.vmis if vmi.name != name]
            found = [*others, Vmi(answer)] if answer is not None else others
            vmis = tuple(sorted(found, key=lambda vmi: vmi.name))
            return msgspec.structs.replace(self, vmis=vmis, done=self.done + 1)
        return self


def is_over(vmi: Vmi) -> bool:
    """Its guest has ended, or is ending with its pod."""
    going = is_false(vmi.conditions, Type.READY) and reason_of(vmi.conditions, Type.READY) == TERMINATING.reason
    return vmi.phase.final or going


def is_ready(vmi: Vmi) -> bool:
    return is_true(vmi.conditions, Type.READY)
