"""How far a migration under way has come, as an annotation of its VMI: ours, since the API has no field for it. Pure.

The source's virt-handler writes it; nobody decides by it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

Json = dict[str, Any]
ANNOTATION: Final = "podvirt.io/migration-progress"
EVERY: Final = 5.0
"""Seconds between two writes at least, and from the migration's start to the first: a short one costs none."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Amounts in bytes of memory and disks, rates in bytes a second."""

    migration_uid: str
    at: str = ""
    """When it was so, RFC 3339."""
    data_total: int = 0
    data_processed: int = 0
    data_remaining: int = 0
    dirty_rate: int = 0
    """Memory that the guest changes."""
    transfer_rate: int = 0
    expected_downtime_ms: int = 0
    """How long the guest would stand still if it switched now, as QEMU expects."""

    @property
    def part_done(self) -> float:
        """0 to 1. It can become less: what the guest changes must be sent again."""
        return min(1.0, max(0.0, 1 - self.data_remaining / self.data_total)) if self.data_total > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the present rates; None where the guest changes memory as fast as it is sent, or nothing is sent yet."""
        gain = self.transfer_rate - self.dirty_rate
        return self.data_remaining / gain if gain > 0 else None


def encoded(progress: Progress) -> str:
    return msgspec.json.encode(progress).decode()


def progress_of(vmi: Json, migration_uid: str) -> Progress | None:
    """As the VMI says of that migration; None where it says nothing that can be read."""
    text = (vmi["metadata"].get("annotations") or {}).get(ANNOTATION)
    try:
        found = msgspec.json.decode(text or "", type=Progress)
    except msgspec.DecodeError:
        return None
    return found if found.migration_uid == migration_uid else None
