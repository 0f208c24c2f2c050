"""What the VMI controller knows when it plans, and how the answers of the API enter it."""

from __future__ import annotations

from typing import Any

import msgspec

from virt_controller.plan import pods
from virt_controller.plan.actions import Action, Kind, Refusal
from virt_model.config import ClusterConfig
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]


class VmiWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A VMI and its launcher pods, from the cache or (`live`) as the API just showed them."""

    vmi: Vmi
    pods: tuple[Pod, ...] = ()  # those that the VMI controls
    live: bool = False
    vm_counts: bool = False  # a VM still has to count this VMI among its failed starts
    node_lost: bool = False  # the agent of its node has been silent for too long
    node_out: str = ""  # why nothing can run on its node any more
    node_deleted: bool = False  # which is all that is known of it
    fenced: bool = False  # its node was lost, and its guest has ended by itself
    node_waits: str = ""  # what its guest waits for on a node that does not renew its lease
    missing_claim: str = ""  # a claim that a volume names and that does not exist
    config: ClusterConfig
    launcher_image: str
    now: float  # seconds since 1970
    refusal: Refusal | None = None

    @property
    def node_off(self) -> bool:
        """Its node is certainly off. Of one that was deleted Kubernetes removes the pods, and is waited for."""
        return bool(self.node_out) and not self.node_deleted

    @property
    def pod(self) -> Pod | None:
        """The launcher pod that may run the guest."""
        return pods.runner_among(self.vmi, self.pods)

    def after(self, action: Action, answer: Json | None) -> VmiWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back, None when it is gone."""
        if action.kind is Kind.VMI and answer is not None:
            return msgspec.structs.replace(self, vmi=Vmi(answer))
        if action.kind is Kind.POD:
            return msgspec.structs.replace(self, pods=pods.after(self.pods, action, answer))
        return self
