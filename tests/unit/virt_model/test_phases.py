"""Phases and what a domain's state asks for, as a total table."""

from __future__ import annotations

import pytest

from virt_model.phases import DomainStatus, Phase, RunStrategy, phase_of_domain, run_strategy


@pytest.mark.parametrize(
    ("running", "strategy", "expected"),
    [
        (True, "", RunStrategy.ALWAYS),
        (False, "", RunStrategy.HALTED),
        (None, "Manual", RunStrategy.MANUAL),
        (None, "", RunStrategy.UNKNOWN),
        (None, "Sometimes", RunStrategy.UNKNOWN),
    ],
)
def test_run_strategy(running: bool | None, strategy: str, expected: RunStrategy) -> None:
    assert run_strategy(running, strategy) is expected


@pytest.mark.parametrize(
    ("status", "reason", "acpi", "grace", "expected"),
    [
        ("running", "booted", True, 30, Phase.RUNNING),
        ("blocked", "", True, 30, Phase.RUNNING),
        ("pmsuspended", "", True, 30, Phase.RUNNING),
        ("paused", "user", True, 30, Phase.RUNNING),
        ("paused", "postcopy-failed", True, 30, Phase.FAILED),
        ("shutoff", "shutdown", True, 30, Phase.SUCCEEDED),
        ("shutoff", "saved", True, 30, Phase.SUCCEEDED),
        ("shutoff", "from-snapshot", True, 30, Phase.SUCCEEDED),
        ("shutoff", "destroyed", True, 30, Phase.FAILED),
        ("shutoff", "destroyed", True, 0, Phase.SUCCEEDED),
        ("shutoff", "destroyed", True, 1, Phase.SUCCEEDED),
        ("shutoff", "destroyed", True, 2, Phase.FAILED),
        ("shutoff", "destroyed", False, 30, Phase.SUCCEEDED),
        ("shutoff", "crashed", True, 0, Phase.FAILED),
        ("shutoff", "migrated", True, 30, None),
        ("crashed", "panicked", True, 30, Phase.FAILED),
        ("absent", "", True, 30, Phase.FAILED),
        ("shutdown", "", True, 30, None),
        ("nostate", "", True, 30, None),
    ],
)
def test_phase_of_domain(status: str, reason: str, acpi: bool, grace: int, expected: Phase | None) -> None:
    assert phase_of_domain(status, reason, acpi=acpi, grace_seconds=grace) is expected


def test_every_domain_status_has_an_answer() -> None:
    for status in DomainStatus:
        phase_of_domain(status, "", acpi=True, grace_seconds=30)


def test_phases_are_of_one_owner() -> None:
    for phase in Phase:
        assert phase.final + phase.handed_over + phase.before_scheduled <= 1
