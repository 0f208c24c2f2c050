"""What a migration's plan does again and again: one step of its phase, its failure, a patch of it, the end of a pod."""

from __future__ import annotations

from typing import Any

from virt_controller.plan import migration_status
from virt_controller.plan.actions import Action, Delete, Event, Kind, Patch, Plan, Question
from virt_controller.plan.migration_world import MigrationWorld, Step
from virt_controller.plan.patch import pinned
from virt_model.seen import Pod

Json = dict[str, Any]


def delete_pod(pod: Pod, why: str, *events: Event) -> Action:
    return Delete(kind=Kind.POD, namespace=pod.namespace, name=pod.name, uid=pod.uid, why=why, events=events)


def move(world: MigrationWorld, step: Step, why: str, *events: Event) -> Action:
    source = world.source
    return patch(
        world, migration_status.moved(world.migration, step, source.name if source else "", world.now), why, *events
    )


def fail(world: MigrationWorld, why: str) -> Action:
    text = f"Migration failed: {why}"
    told = Event(about=world.migration.raw, type="Warning", reason="FailedMigration", message=text)
    return move(world, Step.FAILED, why, told)


def patch(world: MigrationWorld, new: Json, why: str, *events: Event, door: str = "status") -> Patch:
    """Status and metadata go through doors of their own."""
    migration = world.migration
    ops = pinned(migration.raw, new)
    return Patch(
        kind=Kind.MIGRATION, namespace=migration.namespace, name=migration.name, ops=ops, why=why, subresource=door,
        events=events,
    )  # fmt: skip


def in_live_world(world: MigrationWorld, action: Action) -> Plan:
    return Plan(action=action) if world.live else Plan(ask=Question.LIVE)
