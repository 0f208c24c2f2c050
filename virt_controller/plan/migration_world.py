"""What the migration controller knows when it plans, and how the answers of the API enter it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from virt_controller.plan import pods
from virt_controller.plan.actions import Action, Delete, Kind, Refusal
from virt_controller.plan.migration_policy import Manner
from virt_model import labels, names
from virt_model.config import ClusterConfig
from virt_model.seen import Pod, Seen, Vmi

Json = dict[str, Any]


class Step(StrEnum):
    """The phases of a migration."""

    NEW = ""
    PENDING = "Pending"
    SCHEDULING = "Scheduling"
    SCHEDULED = "Scheduled"
    PREPARING = "PreparingTarget"
    READY = "TargetReady"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def final(self) -> bool:
        return self in (Step.SUCCEEDED, Step.FAILED)


#: those that count towards the limits of parallel migrations
ACTIVE: Final = (Step.SCHEDULING, Step.SCHEDULED, Step.PREPARING, Step.READY, Step.RUNNING)
#: who goes first among those that wait
PRIORITIES: Final = {"system-critical": 0, "user-triggered": 1, "": 1, "system-maintenance": 2}


class Migration(Seen, frozen=True):
    """A VirtualMachineInstanceMigration."""

    @property
    def vmi_name(self) -> str:
        return str(self.spec.get("vmiName") or "")

    @property
    def step(self) -> Step:
        try:
            return Step(self.status.get("phase") or "")
        except ValueError:
            return Step.FAILED

    def is_of(self, vmi: Vmi) -> bool:
        """Whether it is about the VMI, by its name."""
        return (self.namespace, self.vmi_name) == (vmi.namespace, vmi.name)

    @property
    def for_evacuation(self) -> bool:
        """Made because its VMI shall leave a node."""
        return labels.EVACUATION_MIGRATION in self.annotations

    @property
    def forced(self) -> bool:
        """It shall get done, even if the guest must stand still for that."""
        return labels.FORCE_COMPLETE in self.annotations

    @property
    def turn(self) -> tuple[int, float, str]:
        """The order in which those that wait may begin."""
        return (PRIORITIES.get(str(self.spec.get("priority") or ""), 1), *self.born)


class MigrationWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A migration, its VMI and that VMI's pods, from the cache or (`live`) as the API just showed them."""

    migration: Migration
    vmi: Vmi | None
    pods: tuple[Pod, ...] = ()  # those that the VMI controls
    others: tuple[Migration, ...] = ()  # all others of the cluster, from the cache
    nodes_of: dict[str, str] = {}  # node of the VMI of each of them, by the UID of the migration
    node_labels: dict[str, str] = {}  # of the node that the guest is on
    live: bool = False
    manner: Manner | None = None  # how the guest is to be moved, once asked for
    config: ClusterConfig
    launcher_image: str
    now: float  # seconds since 1970
    refusal: Refusal | None = None

    @property
    def source(self) -> Pod | None:
        """The pod that runs the guest."""
        return None if self.vmi is None else pods.runner_among(self.vmi, self.pods)

    @property
    def target(self) -> Pod | None:
        """The pod that this migration made."""
        name = names.target_pod_name(self.migration.vmi_name, self.migration.uid)
        return next(
            (
                pod
                for pod in self.pods
                if pod.name == name and pod.labels.get(labels.MIGRATION_JOB_UID) == self.migration.uid
            ),
            None,
        )

    @property
    def state(self) -> Json | None:
        """The VMI's `migrationState` once it is about this migration."""
        state = (self.vmi.status.get("migrationState") if self.vmi else None) or {}
        return state if state.get("migrationUid") == self.migration.uid else None

    def after(self, action: Action, answer: Json | None) -> MigrationWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back, None when it is gone."""
        if action.kind is Kind.MIGRATION and not isinstance(action, Delete) and answer is not None:
            return msgspec.structs.replace(self, migration=Migration(answer))
        if action.kind is Kind.MIGRATION and isinstance(action, Delete):
            return msgspec.structs.replace(self, others=tuple(each for each in self.others if each.uid != action.uid))
        if action.kind is Kind.VMI and answer is not None:
            return msgspec.structs.replace(self, vmi=Vmi(answer))
        if action.kind is Kind.POD:
            return msgspec.structs.replace(self, pods=pods.after(self.pods, action, answer))
        return self
