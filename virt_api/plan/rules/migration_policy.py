"""A migration policy: its numbers count something, and it asks for nothing that is not built."""

from __future__ import annotations

from collections.abc import Iterator

from api.quantity import InvalidQuantity, quantity_bytes
from virt_api.plan.causes import INVALID, Cause
from virt_api.plan.reading import Raw, find, table
from virt_api.plan.unsupported import POLICY, unsupported


def policy_causes(policy: Raw) -> list[Cause]:
    """Everything that is wrong with a MigrationPolicy."""
    spec = table(policy, "spec")
    negative = (f"spec.{field}" for field in _negative(spec))
    causes = [Cause(reason=INVALID, message=f"{field}: must not be negative", field=field) for field in negative]
    return causes or [*unsupported(spec, "spec", POLICY)]


def _negative(spec: Raw) -> Iterator[str]:
    seconds = find(spec, "completionTimeoutPerGiB")
    if isinstance(seconds, int) and seconds < 0:
        yield "completionTimeoutPerGiB"
    bandwidth = find(spec, "bandwidthPerMigration")
    if isinstance(bandwidth, str | int) and str(bandwidth).startswith("-"):
        try:
            if quantity_bytes(str(bandwidth)) < 0:
                yield "bandwidthPerMigration"
        except InvalidQuantity:
            return  # the schema says so
