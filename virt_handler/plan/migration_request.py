"""What the source's launcher is told of a migration: its settings, out of the VMI's `migrationConfiguration`. Pure."""

from __future__ import annotations

import math
from typing import Any, Final

from msgspec import Struct

from api.quantity import InvalidQuantity, quantity_bytes
from virt_handler.plan.migration_role import Move

Json = dict[str, Any]
DISK_SOURCES: Final = ("containerDisk", "emptyDisk", "cloudInitNoCloud", "cloudInitConfigDrive")
"""Volumes whose disk lives in the pod and is copied."""
GIGABYTE: Final = 10**9
DEFAULT_TIMEOUT: Final = 150
DEFAULT_DOWNTIME_MS: Final = 900


class Terms(Struct, frozen=True, kw_only=True):
    """Bandwidth in bytes a second, 0 without limit; timeouts in seconds."""

    block: bool
    bandwidth: int
    max_downtime_ms: int
    auto_converge: bool
    completion_timeout: int
    progress_timeout: int
    allow_workload_disruption: bool


def terms(vmi: Json, move: Move) -> Terms:
    """How the guest shall be moved."""
    settings = move.configuration
    return Terms(
        block=any(source in volume for volume in vmi["spec"].get("volumes") or () for source in DISK_SOURCES),
        bandwidth=_bytes(settings.get("bandwidthPerMigration", 0)),
        max_downtime_ms=int(settings.get("maxDowntimeMs") or DEFAULT_DOWNTIME_MS),
        auto_converge=bool(settings.get("allowAutoConverge")),
        completion_timeout=completion_seconds(vmi, settings),
        progress_timeout=int(settings.get("progressTimeout") or DEFAULT_TIMEOUT),
        allow_workload_disruption=bool(settings.get("allowWorkloadDisruption")),
    )


def completion_seconds(vmi: Json, settings: Json) -> int:
    """So many seconds for each begun gigabyte of the guest's memory."""
    per_gib = int(settings.get("completionTimeoutPerGiB") or DEFAULT_TIMEOUT)
    return per_gib * max(1, math.ceil(_memory(vmi) / GIGABYTE))


def _memory(vmi: Json) -> int:
    domain = vmi["spec"].get("domain") or {}
    guest = (domain.get("memory") or {}).get("guest")
    requested = ((domain.get("resources") or {}).get("requests") or {}).get("memory")
    return _bytes(guest or requested or 0)


def _bytes(text: Any) -> int:
    try:
        return max(0, quantity_bytes(str(text)))
    except InvalidQuantity:
        return 0
