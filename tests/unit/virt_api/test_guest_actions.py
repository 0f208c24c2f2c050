"""Actions on guests and questions to them: every reason to refuse, and that nothing else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from virt_api.plan.guest_actions import GUEST_ACTIONS, ask
from virt_api.plan.options import FreezeOptions, seconds_frozen
from virt_api.plan.status import CallFailed

CONFLICT = 'Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "x": '
FORBIDDEN = 'virtualmachineinstance.kubevirt.io "x" is forbidden: '
NO_ACPI = {"domain": {"features": {"acpi": {"enabled": False}}}}


def vmi(*conditions: str, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    listed = [{"type": kind, "status": "True"} for kind in conditions]
    return {"metadata": {"name": "x"}, "spec": spec, "status": {"phase": phase, "conditions": listed}}


@pytest.mark.parametrize("action", GUEST_ACTIONS)
@pytest.mark.parametrize("phase", ["", "Pending", "Scheduling", "Scheduled", "Succeeded", "Failed"])
def test_a_guest_that_does_not_run_is_left_alone(action: str, phase: str) -> None:
    failure = GUEST_ACTIONS[action](vmi("Paused", phase=phase))
    assert failure and (failure.code, failure.message) == (409, f"{CONFLICT}VM is not running")


@pytest.mark.parametrize(
    ("action", "seen", "code", "message"),
    [
        ("pause", vmi("Paused"), 409, f"{CONFLICT}VMI is already paused"),
        ("unpause", vmi(), 409, f"{CONFLICT}VMI is not paused"),
        ("freeze", vmi(), 409, f"{CONFLICT}VMI does not have guest agent connected"),
        ("softreboot", vmi("Paused", "AgentConnected"), 409, f"{CONFLICT}VMI is paused"),
        (
            "softreboot",
            vmi(**NO_ACPI),
            409,
            f"{CONFLICT}VMI neither have the agent connected nor the ACPI feature enabled",
        ),
        (
            "pause",
            vmi(livenessProbe={"tcpSocket": {"port": 1}}),
            403,
            f"{FORBIDDEN}Pausing VMIs with a non-GuestAgentPing LivenessProbe is not supported",
        ),
    ],
)
def test_refusals(action: str, seen: dict[str, Any], code: int, message: str) -> None:
    failure = GUEST_ACTIONS[action](seen)
    assert failure and (failure.code, failure.message) == (code, message)


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("pause", vmi()),
        ("pause", vmi(livenessProbe={"guestAgentPing": {}})),
        ("unpause", vmi("Paused")),
        ("reset", vmi()),
        ("reset", vmi("Paused")),
        ("freeze", vmi("AgentConnected")),
        ("unfreeze", vmi()),
        ("softreboot", vmi()),
        ("softreboot", vmi("AgentConnected", **NO_ACPI)),
    ],
)
def test_allowed(action: str, seen: dict[str, Any]) -> None:
    assert GUEST_ACTIONS[action](seen) is None


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (vmi("AgentConnected", phase="Scheduled"), "VMI is not running"),
        (vmi(), "VMI does not have guest agent connected"),
        (vmi("AgentConnected"), ""),
    ],
)
def test_an_agent_is_asked_only_where_it_listens(seen: dict[str, Any], message: str) -> None:
    failure = ask(seen)
    assert (failure.message if failure else "") == (CONFLICT + message if message else "")


@pytest.mark.parametrize(("said", "seconds"), [("", 0), ("0s", 0), ("5m0s", 300), ("1500ms", 1.5)])
def test_a_guest_stays_frozen_for_so_long(said: str, seconds: float) -> None:
    assert seconds_frozen(FreezeOptions(unfreeze_timeout=said)) == seconds


@pytest.mark.parametrize("said", ["soon", "-1s", "25h"])
def test_nonsense_about_how_long_is_a_bad_request(said: str) -> None:
    with pytest.raises(CallFailed, match="unfreezeTimeout: ") as failed:
        seconds_frozen(FreezeOptions(unfreeze_timeout=said))
    assert failed.value.failure.code == 400
