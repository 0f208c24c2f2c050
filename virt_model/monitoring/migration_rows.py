"""Metrics about live migrations, counted by the leading virt-controller."""

from __future__ import annotations

from typing import Final

from virt_model.monitoring.machine_rows import leader_row
from virt_model.monitoring.row import Kind, When

#: what unfinished migrations are counted as; `running` is everything from a running target pod on
COUNTED: Final = ("unset", "pending", "scheduling", "running")
_ONE: Final = ("node", "namespace", "name", "migration_name")
_MIGRATION: Final = ("vmi", "vmim", "namespace")

ROWS: Final = (
    *(
        leader_row(f"kubevirt_vmi_migrations_in_{phase}_phase", f"Migrations that are {phase}.", (), When.LEADING)
        for phase in COUNTED
    ),
    leader_row("kubevirt_vmi_migration_succeeded", "1 for each migration that succeeded.", _MIGRATION, When.SOMETIMES),
    leader_row("kubevirt_vmi_migration_failed", "1 for each migration that failed.", _MIGRATION, When.SOMETIMES),
    leader_row(
        "kubevirt_vmi_migration_start_time_seconds",
        "When a VMI's last migration began, in seconds since 1970.", _ONE, When.SOMETIMES,
    ),
    leader_row(
        "kubevirt_vmi_migration_end_time_seconds",
        "When a VMI's last migration ended, in seconds since 1970.", (*_ONE, "status"), When.SOMETIMES,
    ),
    leader_row(
        "kubevirt_vmi_migration_phase_transition_time_from_creation_seconds",
        "Seconds that migrations took from creation to a phase.", ("phase",), When.SOMETIMES, Kind.HISTOGRAM,
    ),
)  # fmt: skip
