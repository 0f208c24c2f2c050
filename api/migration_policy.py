"""MigrationPolicy: limits and manners of migrations for some VMs."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import NULLABLE, Int64
from api.meta import ObjectMeta
from api.migration_state import DOWNTIME, ExperimentalMigrationOptions
from api.quantity import Quantity
from api.view import View


class Selectors(View, frozen=True, kw_only=True):
    """Which instances are meant; both parts must hold."""

    namespace_selector: dict[str, str] = {}
    """Labels of the namespace."""
    virtual_machine_instance_selector: dict[str, str] = {}
    """Labels of the instance."""


class MigrationPolicySpec(View, frozen=True, kw_only=True):
    """For whom, and what is different."""

    selectors: Selectors
    """For whom."""
    allow_auto_converge: bool | None = None
    """Whether a guest is slowed down that writes too fast."""
    allow_post_copy: bool | None = None
    """Whether the guest may go on before all its memory has come."""
    allow_workload_disruption: bool | None = None
    """Whether the guest may be paused to get done."""
    bandwidth_per_migration: Quantity | None = None
    """Bytes a second."""
    completion_timeout_per_gib: Int64 | None = field(name="completionTimeoutPerGiB", default=None)
    """Seconds per GiB."""
    max_downtime_ms: Annotated[Int64 | None, DOWNTIME] = None
    """Milliseconds of standstill."""
    experimental: ExperimentalMigrationOptions | None = None
    """What is under trial."""


class MigrationPolicyStatus(View, frozen=True, kw_only=True):
    """Nothing yet."""


class MigrationPolicy(View, frozen=True, kw_only=True):
    """How some VMs migrate."""

    api_version: str = ""
    """Group and version of the policy."""
    kind: str = ""
    """MigrationPolicy."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the policy."""
    spec: MigrationPolicySpec
    """What holds for whom."""
    status: Annotated[MigrationPolicyStatus, NULLABLE] = MigrationPolicyStatus()
    """Always empty."""
