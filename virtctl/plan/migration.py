"""What `virtctl migrate --wait` says of a migration, from its object and its VMI. Pure."""

from __future__ import annotations

from typing import Any, Final

from virt_model.migration_progress import Progress, progress_of

Json = dict[str, Any]
WIDTH: Final = 24
"""Characters of the bar."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def phase_of(migration: Json) -> str:
    return str((migration.get("status") or {}).get("phase") or "Pending")


def over(migration: Json) -> bool:
    return phase_of(migration) in ("Succeeded", "Failed")


def may_switch(vmi: Json, migration_uid: str) -> bool:
    """Whether the migration under way may go to post-copy."""
    state = (vmi.get("status") or {}).get("migrationState") or {}
    allowed = (state.get("migrationConfiguration") or {}).get("allowPostCopy")
    return state.get("migrationUid") == migration_uid and bool(allowed)


def failure(migration: Json, vmi: Json | None, told: str) -> str:
    """One line of why it failed; `told` is what the migration's last Event says, "" where it is not known."""
    uid = migration["metadata"]["uid"]
    states = ((each or {}).get("status", {}).get("migrationState") or {} for each in (vmi, migration))
    reasons = (str(state.get("failureReason") or "") for state in states if state.get("migrationUid") == uid)
    name = migration["metadata"]["name"]
    found = next(filter(None, reasons), told) or f"kubectl describe vmim {name} may say why"
    return " ".join(found.split())


def line(migration: Json, vmi: Json | None) -> str:
    """Where it stands: its phase, and the numbers once there are some."""
    phase = phase_of(migration)
    progress = progress_of(vmi, migration["metadata"]["uid"]) if vmi is not None else None
    return phase if progress is None or over(migration) else f"{phase}: {_numbers(progress)}"


def bar(migration: Json, vmi: Json | None) -> str:
    """The same for a terminal."""
    progress = progress_of(vmi, migration["metadata"]["uid"]) if vmi is not None else None
    done = 1.0 if phase_of(migration) == "Succeeded" else progress.part_done if progress is not None else 0.0
    full = int(done * WIDTH)
    return f"[{'#' * full}{'.' * (WIDTH - full)}] {done:4.0%} {line(migration, vmi)}"


def _numbers(progress: Progress) -> str:
    left = progress.seconds_left
    eta = "does not get done at this rate" if left is None else f"{left:.0f} s left"
    return (
        f"{amount(progress.data_remaining)} of {amount(progress.data_total)} left,"
        f" {amount(progress.data_processed)} sent at {amount(progress.transfer_rate)}/s,"
        f" guest changes {amount(progress.dirty_rate)}/s,"
        f" expected downtime {progress.expected_downtime_ms} ms, {eta}"
    )


def amount(count: int) -> str:
    """Bytes in the unit that fits."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 or value >= 100 else f"{value:.1f} {_UNITS[unit]}"
