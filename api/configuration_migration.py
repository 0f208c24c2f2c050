"""How live migrations are made."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import Int64, UInt32
from api.migration_state import DOWNTIME
from api.quantity import Quantity
from api.view import View


class MigrationConfiguration(View, frozen=True, kw_only=True):
    """Limits and manners; a MigrationPolicy may change them for some VMs."""

    node_drain_taint_key: str | None = None
    """Taint by which a node counts as drained."""
    parallel_outbound_migrations_per_node: UInt32 | None = None
    """Migrations that may leave a node at once; absent means 2."""
    parallel_migrations_per_cluster: UInt32 | None = None
    """Migrations at once in all; absent means 5."""
    allow_auto_converge: bool | None = None
    """True slows a guest down that writes faster than can be sent."""
    bandwidth_per_migration: Quantity | None = None
    """Bytes a second for each; absent or 0 is without limit."""
    completion_timeout_per_gib: Int64 | None = field(name="completionTimeoutPerGiB", default=None)
    """Seconds granted per GiB of memory and disk; absent means 150."""
    progress_timeout: Int64 | None = None
    """Seconds of standstill that are borne; absent means 150."""
    unsafe_migration_override: bool | None = None
    """True overrides libvirt's scruples."""
    allow_post_copy: bool | None = None
    """True lets the guest run on the target with memory still to come."""
    allow_workload_disruption: bool | None = None
    """True lets the guest be paused to get done."""
    disable_tls: bool | None = field(name="disableTLS", default=None)
    """True sends in the clear."""
    network: str | None = None
    """NetworkAttachmentDefinition to send over."""
    match_selinux_level_on_migration: bool | None = field(name="matchSELinuxLevelOnMigration", default=None)
    """False lets the target have a level of its own; absent means true."""
    utility_volumes_timeout: Int64 | None = None
    """Seconds granted for utility volumes to be let go; absent means 150."""
    max_downtime_ms: Annotated[Int64 | None, DOWNTIME] = None
    """Milliseconds the guest may stand still at the switch."""
