"""VirtualMachineInstanceMigration: the wish to move a running instance to another node, and its course."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import ATOMIC_LIST, Time
from api.meta import Condition, ObjectMeta
from api.migration_state import VirtualMachineInstanceMigrationState
from api.view import View


class VirtualMachineInstanceMigrationSource(View, frozen=True, kw_only=True):
    """Sends the guest to another cluster or namespace."""

    connect_url: str = field(name="connectURL")
    """Synchronisation controller of the other side."""
    migration_id: str = field(name="migrationID")
    """Word both sides agree on."""


class VirtualMachineInstanceMigrationTarget(View, frozen=True, kw_only=True):
    """Receives a guest from another cluster or namespace."""

    migration_id: str = field(name="migrationID")
    """Word both sides agreed on."""


class VirtualMachineInstanceMigrationSpec(View, frozen=True, kw_only=True):
    """Which instance shall move."""

    vmi_name: str = ""
    """Name of the instance."""
    added_node_selector: dict[str, str] = {}
    """Labels the target's node must have besides."""
    priority: str | None = None
    """Turn among those that wait: system-critical, user-triggered or system-maintenance."""
    send_to: VirtualMachineInstanceMigrationSource | None = None
    """Set on the side left, between clusters."""
    receive: VirtualMachineInstanceMigrationTarget | None = None
    """Set on the side reached, between clusters."""


class VirtualMachineInstanceMigrationPhaseTransitionTimestamp(View, frozen=True, kw_only=True):
    """When a phase of the migration was entered."""

    phase: str = ""
    """Phase of the migration."""
    phase_transition_timestamp: Time | None = None
    """When it was entered."""


class VirtualMachineInstanceMigrationStatus(View, frozen=True, kw_only=True):
    """How the move goes."""

    phase: str = ""
    """Pending, Scheduling, Scheduled, PreparingTarget, TargetReady, Running, Succeeded or Failed."""
    conditions: tuple[Condition, ...] = ()
    """Aspects, such as a refusal by quota."""
    phase_transition_timestamps: Annotated[
        tuple[VirtualMachineInstanceMigrationPhaseTransitionTimestamp, ...], ATOMIC_LIST
    ] = ()
    """When each was entered."""
    migration_state: VirtualMachineInstanceMigrationState | None = None
    """Particulars, as the instance has them."""
    synchronization_addresses: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Where the synchronisation controllers listen."""


class VirtualMachineInstanceMigration(View, frozen=True, kw_only=True):
    """One live migration."""

    api_version: str = ""
    """Group and version of the kind."""
    kind: str = ""
    """VirtualMachineInstanceMigration."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity."""
    spec: VirtualMachineInstanceMigrationSpec
    """What shall move."""
    status: VirtualMachineInstanceMigrationStatus = VirtualMachineInstanceMigrationStatus()
    """How it goes."""
