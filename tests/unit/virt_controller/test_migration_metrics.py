"""What is measured of migrations."""

from __future__ import annotations

from typing import Any

from api.time import format_time
from tests.unit.virt_controller.objects import NOW
from tests.unit.virt_controller.test_migration_rules import migration, vmi
from virt_controller.plan import migration_metrics
from virt_controller.plan.migration_world import Migration
from virt_model.monitoring.table import ROWS
from virt_model.seen import Vmi

WIDTH = {row.name: len(row.labels) for row in ROWS}


def found(*migrations: dict[str, Any], **state: Any) -> dict[tuple[str, ...], float]:
    """Values by the short name of the metric and its labels."""
    given = migration_metrics.samples(map(Migration, migrations), [Vmi(vmi(migrationState=state) if state else vmi())])
    samples = list(given)
    assert all(len(each.labels) == WIDTH[each.row] for each in samples)
    return {(each.row.removeprefix("kubevirt_vmi_"), *each.labels): each.value for each in samples}


def test_migrations_are_counted_by_what_they_wait_for() -> None:
    phases = ("", "Pending", "Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running")
    got = found(*(migration(phase, f"m{n}", f"u{n}") for n, phase in enumerate(phases)))
    counts = {key[0].removeprefix("migrations_in_").removesuffix("_phase"): value for key, value in got.items()}
    assert counts == {"unset": 1, "pending": 2, "scheduling": 1, "running": 4}


def test_finished_ones_are_named() -> None:
    got = found(migration("Succeeded", "a", "ua"), migration("Failed", "b", "ub"))
    assert got[("migration_succeeded", "m", "a", "ns")] == got[("migration_failed", "m", "b", "ns")] == 1
    assert got[("migrations_in_running_phase",)] == 0


def test_a_vmi_tells_when_its_last_one_began_and_ended() -> None:
    began, ended = format_time(NOW), format_time(NOW + 9)
    state = {"migrationUid": "ua", "startTimestamp": began}
    of = ("node1", "ns", "m", "a")
    got = found(migration("Running", "a", "ua"), **state)
    assert got[("migration_start_time_seconds", *of)] == NOW
    assert not any(key[0] == "migration_end_time_seconds" for key in got)
    for failed, how in ((False, "succeeded"), (True, "failed")):
        got = found(migration("Running", "a", "ua"), **state, endTimestamp=ended, completed=True, failed=failed)
        assert got[("migration_end_time_seconds", *of, how)] == NOW + 9


def test_a_step_is_measured_from_the_creation_once() -> None:
    new = migration("Running")
    stamp = {"phase": "Running", "phaseTransitionTimestamp": format_time(NOW + 7)}
    new["status"]["phaseTransitionTimestamps"] = [stamp]
    took = migration_metrics.transition(Migration(migration("TargetReady")), Migration(new))
    assert took is not None and (took.labels, took.value) == (("Running",), 7.0)
    assert migration_metrics.transition(Migration(new), Migration(new)) is None
