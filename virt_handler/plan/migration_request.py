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
MOST_CONNECTIONS: Final = 8
"""For memory; as in KubeVirt."""


class Terms(Struct, frozen=True, kw_only=True):
    """Bandwidth in bytes a second, 0 without limit; timeouts in seconds."""

    block: bool
    bandwidth: int
    max_downtime_ms: int
    unsafe: bool
    """libvirt's scruples do not count."""
    auto_converge: bool
    connections: int
    """For memory; more than one is QEMU's multifd."""
    completion_timeout: int
    progress_timeout: int
    allow_workload_disruption: bool
    allow_post_copy: bool


def terms(vmi: Json, move: Move, cpus: int) -> Terms:
    """How the guest shall be moved; the node has so many CPUs."""
    settings = move.configuration
    return Terms(
        block=any(source in volume for volume in vmi["spec"].get("volumes") or () for source in DISK_SOURCES),
        bandwidth=_amount(settings.get("bandwidthPerMigration", 0)),
        max_downtime_ms=int(settings.get("maxDowntimeMs") or DEFAULT_DOWNTIME_MS),
        unsafe=bool(settings.get("unsafeMigrationOverride")),
        auto_converge=bool(settings.get("allowAutoConverge")),
        connections=connections(vmi, settings, cpus),
        completion_timeout=completion_seconds(vmi, settings),
        progress_timeout=int(settings.get("progressTimeout") or DEFAULT_TIMEOUT),
        allow_workload_disruption=bool(settings.get("allowWorkloadDisruption")),
        allow_post_copy=bool(settings.get("allowPostCopy")),
    )


def connections(vmi: Json, settings: Json, cpus: int) -> int:
    """As many as the node has CPUs to serve them: with more, the guest stands longer at the switch.

    One where the guest's own CPUs would have to serve them, where the bandwidth is limited, since QEMU holds the limit
    only then, and where post-copy is allowed, which needs all pages on one connection.
    """
    if _rationed(vmi) or settings.get("allowPostCopy") or _amount(settings.get("bandwidthPerMigration", 0)):
        return 1
    return max(1, min(MOST_CONNECTIONS, cpus))


def _rationed(vmi: Json) -> bool:
    domain = vmi["spec"].get("domain") or {}
    limits = (domain.get("resources") or {}).get("limits") or {}
    return bool((domain.get("cpu") or {}).get("dedicatedCpuPlacement")) or _amount(limits.get("cpu", 0)) > 0


def completion_seconds(vmi: Json, settings: Json) -> int:
    """So many seconds for each begun gigabyte of the guest's memory."""
    per_gib = int(settings.get("completionTimeoutPerGiB") or DEFAULT_TIMEOUT)
    return per_gib * max(1, math.ceil(_memory(vmi) / GIGABYTE))


def _memory(vmi: Json) -> int:
    domain = vmi["spec"].get("domain") or {}
    guest = (domain.get("memory") or {}).get("guest")
    requested = ((domain.get("resources") or {}).get("requests") or {}).get("memory")
    return _amount(guest or requested or 0)


def _amount(text: Any) -> int:
    try:
        return max(0, quantity_bytes(str(text)))
    except InvalidQuantity:
        return 0
