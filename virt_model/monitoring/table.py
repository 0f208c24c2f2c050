"""The one table of metrics: what is not in it cannot be shown."""

from __future__ import annotations

from typing import Final

from virt_model.monitoring import component_rows, guest_rows, machine_rows, migration_rows
from virt_model.monitoring.row import Component, Row

ROWS: Final = (*component_rows.ROWS, *machine_rows.ROWS, *migration_rows.ROWS, *guest_rows.ROWS)


def rows_of(component: Component) -> tuple[Row, ...]:
    """What one component shows."""
    return tuple(row for row in ROWS if component in row.components)
