"""The evacuation controller: one VMI, its node and all migrations in; a migration out where it shall leave.

```
 an eviction was asked for (status.evacuationNodeName is its node), or the node has the drain taint
   ─ its strategy says move, it is migratable ─► there is room ─► create a migration; its end wakes us
                                               no room, or it is on its way: wait
   ─ its strategy says LiveMigrate, and it is not migratable ─► say so
```
A migration that fails leaves the wish as it was, so the next one is made at once; `migration_backoff` keeps it waiting.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from virt_controller.plan.actions import SETTLED, Action, Create, Event, Kind, Plan, Refusal
from virt_controller.plan.migration_world import Migration
from virt_model import eviction, labels, names
from virt_model.config import ClusterConfig
from virt_model.eviction import Fate
from virt_model.phases import Phase
from virt_model.seen import Pod, Seen, Vmi

Json = dict[str, Any]
UNTIL_ROOM: Final = 5.0
UNTIL_REMINDED: Final = 60.0
"""Seconds after which a VMI that cannot leave is told of again."""
PRIORITY: Final = "system-critical"


class EvacuationWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A VMI and what decides over its leaving, from the cache."""

    vmi: Vmi
    node: Seen | None  # the one it is on
    pods: tuple[Pod, ...] = ()  # those that the VMI controls
    migrations: tuple[Migration, ...] = ()  # all of the cluster
    nodes_of: dict[str, str] = {}  # node of the VMI of each of them, by the UID of the migration
    config: ClusterConfig
    refusal: Refusal | None = None

    @property
    def own(self) -> tuple[Migration, ...]:
        """The migrations of this VMI."""
        return tuple(each for each in self.migrations if each.is_of(self.vmi))

    @property
    def unfinished(self) -> tuple[Migration, ...]:
        return tuple(each for each in self.migrations if not each.step.final)

    def after(self, action: Action, answer: Json | None) -> EvacuationWorld:
        """The world once `action` has succeeded; `answer` is the object the API gave back."""
        if action.kind is not Kind.MIGRATION or answer is None:
            return self
        return msgspec.structs.replace(self, migrations=(*self.migrations, Migration(answer)))


def plan(world: EvacuationWorld) -> Plan:
    """The next step for one VMI."""
    vmi = world.vmi
    if not shall_leave(vmi, world.node, world.config):
        return SETTLED
    fate = eviction.fate(vmi, world.config.eviction_strategy)
    if fate is Fate.STAYS:
        return Plan(again_in=UNTIL_REMINDED, events=(_told(vmi, "VirtualMachineInstance is not migrateable"),))
    if fate is not Fate.MOVES:
        return SETTLED
    if any(not each.step.final for each in world.own) or sum(not pod.finished for pod in world.pods) > 1:
        return SETTLED  # it is on its way, or what an earlier migration left is about to end
    if not _room(world):
        return Plan(again_in=UNTIL_ROOM)
    if world.refusal is not None:
        text = f"Error creating a Migration: {world.refusal.message}"
        return Plan(refused=True, events=(_told(vmi, text, warning=True),))
    return Plan(action=_migrate(vmi, next_name(vmi, world.own)))


def shall_leave(vmi: Vmi, node: Seen | None, config: ClusterConfig) -> bool:
    """Whether it runs, and somebody wants its node to be empty, or just it to leave."""
    alive = vmi.phase is Phase.RUNNING and not vmi.deleting
    return alive and (eviction.leaving(vmi) or drained(node, config))


def drained(node: Seen | None, config: ClusterConfig) -> bool:
    """Whether the node has the taint that asks all guests to leave."""
    taints = node.spec.get("taints") or () if node is not None else ()
    return any(
        taint.get("key") == config.migrations.drain_taint and taint.get("effect") == "NoSchedule" for taint in taints
    )


def next_name(vmi: Vmi, own: tuple[Migration, ...]) -> str:
    """What the VMI's next evacuation migration is called, after those that there are."""
    last = max(own, key=lambda each: each.born, default=None)
    return names.evacuation_name(vmi.uid, last.uid if last is not None else "")


def _room(world: EvacuationWorld) -> bool:
    """Migrations that could not begin are not made; the migration controller counts again, and exactly."""
    limits, here = world.config.migrations, world.vmi.node
    outbound = sum(world.nodes_of.get(each.uid) == here for each in world.unfinished)
    return len(world.unfinished) < limits.parallel_per_cluster and outbound < limits.parallel_outbound_per_node


def _migrate(vmi: Vmi, name: str) -> Create:
    body = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceMigration",
        "metadata": {
            "namespace": vmi.namespace,
            "name": name,
            "generateName": names.EVACUATION_PREFIX,
            "annotations": {labels.EVACUATION_MIGRATION: vmi.node},
        },
        "spec": {"vmiName": vmi.name, "priority": PRIORITY},
    }
    told = Event(about=vmi.raw, reason="SuccessfulCreate", message=f"Created Migration {name}")
    return Create(kind=Kind.MIGRATION, body=body, why=f"the VMI shall leave node {vmi.node}", events=(told,))


def _told(vmi: Vmi, text: str, *, warning: bool = False) -> Event:
    return Event(about=vmi.raw, type="Warning" if warning else "Normal", reason="FailedCreate", message=text)
