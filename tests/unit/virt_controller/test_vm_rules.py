"""The tables and rules of the VM controller."""

from __future__ import annotations

from typing import Any

import pytest

from api.time import format_time
from tests.unit.virt_controller.objects import NOW, vm, vm_world, vmi
from virt_controller.plan import backoff, strategy, vm_start
from virt_controller.plan import vm as planner
from virt_controller.plan.actions import Create, Delete, Kind, Patch, Question, Refusal
from virt_controller.plan.printable import LADDER, Case, printable_status
from virt_controller.plan.strategy import TABLE, State, Verb
from virt_model.phases import PrintableStatus, RunStrategy

START = {"action": "Start"}
STOP = {"action": "Stop", "uid": "vmi-uid"}


def test_the_table_is_total() -> None:
    assert set(TABLE) == {(s, state) for s in RunStrategy for state in State if state is not State.LEAVING}


@pytest.mark.parametrize("name", list(RunStrategy))
def test_a_vmi_on_its_way_out_is_left_alone(name: RunStrategy) -> None:
    leaving = vmi("Running", deletionTimestamp="2026-01-01T00:00:00Z")
    assert strategy.decide(vm(name, {"stateChangeRequests": [STOP]}), leaving) is Verb.KEEP


@pytest.mark.parametrize("name", ["Always", "Manual", "RerunOnFailure", "Once"])
def test_a_stop_of_this_vmi_stops_it(name: str) -> None:
    machine = vm(name, {"stateChangeRequests": [STOP, START], "runStrategy": name})
    assert strategy.decide(machine, vmi("Running")) is Verb.STOP
    assert strategy.decide(machine, vmi("Succeeded")) is Verb.CLEAR
    other = vm(name, {"stateChangeRequests": [{**STOP, "uid": "another"}], "runStrategy": name})
    assert strategy.decide(other, vmi("Running")) is Verb.KEEP


def test_requests_are_taken_off_one_after_the_other() -> None:
    machine = vm("Manual", {"stateChangeRequests": [STOP, START]})
    assert strategy.unanswered(machine, vmi("Running")) == (STOP, START)
    assert strategy.unanswered(machine, None) == (START,)
    assert strategy.unanswered(machine, vmi("Pending", uid="next")) == ()


def test_the_rerun_of_a_failure_waits_for_the_failed_vmi_to_go() -> None:
    machine = vm("RerunOnFailure", {"stateChangeRequests": [START], "runStrategy": "RerunOnFailure"})
    assert strategy.unanswered(machine, vmi("Failed")) == (START,)
    assert strategy.unanswered(machine, vmi("Succeeded")) == ()


def test_a_plain_start_under_halted_is_void_but_a_paused_one_is_not() -> None:
    paused = {**START, "data": {"paused": "true"}}
    assert strategy.unanswered(vm("Halted", {"stateChangeRequests": [START]}), None) == ()
    assert strategy.unanswered(vm("Halted", {"stateChangeRequests": [paused]}), None) == (paused,)


def test_back_off_grows_with_the_square_and_is_capped() -> None:
    for failures in range(1, 12):
        base = 10.0 * failures**2
        wait = backoff.delay(failures, "uid")
        assert min(300.0, base) <= wait <= min(300.0, base * 1.5)
    assert backoff.delay(1, "one") != backoff.delay(1, "other")


def test_a_failed_start_is_counted_once() -> None:
    failed = vmi("Failed")
    first = backoff.start_failure(vm("Always"), failed, NOW)
    assert first is not None and first["consecutiveFailCount"] == 1 and first["lastFailedVMIUID"] == "vmi-uid"
    machine = vm("Always", {"startFailure": first})
    assert backoff.start_failure(machine, failed, NOW + 5) == first
    second = backoff.start_failure(machine, vmi("Failed", uid="next"), NOW)
    assert second is not None and second["consecutiveFailCount"] == 2
    assert 10 <= backoff.seconds_left(machine, NOW) <= 15
    assert backoff.start_failure(machine, vmi("Failed", uid="ran", ran=True), NOW) is None
    assert backoff.start_failure(vm("Manual", {"startFailure": first}), failed, NOW) is None


CASES: list[tuple[PrintableStatus, dict[str, Any], Any]] = [
    (PrintableStatus.TERMINATING, {"deletionTimestamp": "x"}, vmi("Running")),
    (PrintableStatus.STOPPING, {}, vmi("Running", deletionTimestamp="x")),
    (PrintableStatus.MIGRATING, {}, vmi("Running", {"migrationState": {"startTimestamp": "t"}})),
    (PrintableStatus.PAUSED, {}, vmi("Running", {"conditions": [{"type": "Paused", "status": "True"}]})),
    (PrintableStatus.RUNNING, {}, vmi("Running")),
    (PrintableStatus.STARTING, {}, vmi("Scheduled")),
    (PrintableStatus.STARTING, {}, None),
    (PrintableStatus.STOPPED, {}, vmi("Succeeded", ran=True)),
]
for word in ("ErrImagePull", "ImagePullBackOff", "FailedPvcNotFound"):
    shown = PrintableStatus.PVC_NOT_FOUND if word == "FailedPvcNotFound" else PrintableStatus(word)
    unsynced = [{"type": "Synchronized", "status": "False", "reason": word}]
    CASES.append((shown, {}, vmi("Scheduling", {"conditions": unsynced})))


@pytest.mark.parametrize(("expected", "metadata", "instance"), CASES)
def test_printable_status(expected: PrintableStatus, metadata: dict[str, Any], instance: Any) -> None:
    machine = vm("Always", **metadata)
    verb = strategy.decide(machine, instance)
    assert printable_status(Case(vm=machine, vmi=instance, verb=verb, now=NOW)) is expected


def test_a_start_that_waits_shows_as_a_crash_loop() -> None:
    failure = {"consecutiveFailCount": 1, "retryAfterTimestamp": format_time(NOW + 10)}
    machine = vm("Always", {"startFailure": failure})
    assert printable_status(Case(vm=machine, vmi=None, verb=Verb.START, now=NOW)) is PrintableStatus.CRASH_LOOP_BACK_OFF
    assert printable_status(Case(vm=machine, vmi=None, verb=Verb.START, now=NOW + 11)) is PrintableStatus.STARTING


def test_the_ladder_has_each_word_once_and_an_end() -> None:
    words = [status for status, _ in LADDER]
    assert len(words) == len(set(words)) and words[-1] is PrintableStatus.UNKNOWN


def test_a_start_asks_then_keeps_the_spec_then_makes_the_vmi() -> None:
    world = vm_world(vm("Always"))
    assert planner.plan(world).ask is Question.LIVE
    live = vm_world(vm("Always"), live=True)
    revision = planner.plan(live).action
    assert isinstance(revision, Create) and revision.kind is Kind.REVISION
    made = planner.plan(vm_world(vm("Always"), live=True, revisions=(vm_start.revision_name(vm("Always")),))).action
    assert isinstance(made, Create) and made.kind is Kind.VMI
    assert [event.reason for event in made.events] == ["SuccessfulCreate"]
    assert made.body["metadata"]["annotations"]["kubevirt.io/vm-generation"] == "1"
    assert made.body["status"]["virtualMachineRevisionName"] == "revision-start-vm-vm-uid-1"


def test_revisions_of_earlier_starts_go_first() -> None:
    world = vm_world(vm("Always", generation=2), live=True, revisions=("revision-start-vm-vm-uid-1",))
    action = planner.plan(world).action
    assert isinstance(action, Delete) and action.name == "revision-start-vm-vm-uid-1"


def test_a_refused_start_is_told_once_and_backs_off() -> None:
    world = vm_world(vm("Always"), live=True)
    action = planner.plan(world).action
    assert action is not None
    refused = vm_world(vm("Always"), live=True, refusal=Refusal(action=action, reason="Forbidden", message="quota"))
    told = planner.plan(refused).action
    assert isinstance(told, Patch) and told.subresource == "status"
    assert [(event.type, event.reason, event.message) for event in told.events] == [
        ("Warning", "FailedCreate", "quota")
    ]
    status = next(op["value"] for op in told.ops if op["path"] == "/status")
    again = vm_world(vm("Always", status), live=True, refusal=refused.refusal)
    assert planner.plan(again).refused


def test_an_orphan_maker_lets_go_at_once() -> None:
    machine = vm("Always", deletionTimestamp="x", finalizers=["orphan", "kubevirt.io/virtualMachineControllerFinalize"])
    action = planner.plan(vm_world(machine, vmi("Running"), live=True)).action
    assert isinstance(action, Patch) and action.kind is Kind.VM
    assert action.ops[-1] == {"op": "replace", "path": "/metadata/finalizers", "value": ["orphan"]}


def test_a_vmi_of_nobody_is_adopted() -> None:
    lonely = vmi("Running", ownerReferences=[])
    action = planner.plan(vm_world(vm("Always"), lonely, live=True)).action
    assert isinstance(action, Patch) and action.kind is Kind.VMI
    assert action.ops[-1]["path"] == "/metadata/ownerReferences"


def test_a_changed_template_asks_for_a_restart() -> None:
    running = vmi("Running", annotations={"kubevirt.io/vm-generation": "1"}, ran=True)
    machine = vm("Always", {"runStrategy": "Always"}, generation=2)
    assert planner.plan(vm_world(machine, running)).ask is Question.REVISION
    other = {**machine.spec, "template": {"spec": {"domain": {"cpu": {"cores": 2}}}}}
    action = planner.plan(vm_world(machine, running, started_spec=other, started_spec_asked=True)).action
    assert isinstance(action, Patch)
    values = {op["path"]: op.get("value") for op in action.ops}
    assert "RestartRequired" in [each["type"] for each in values["/status/conditions"]]
    assert values["/status/observedGeneration"] == 1
    same = planner.plan(vm_world(machine, running, started_spec=machine.spec, started_spec_asked=True)).action
    assert isinstance(same, Patch)
    assert {op["path"]: op.get("value") for op in same.ops}["/status/observedGeneration"] == 2


def test_news_that_is_overtaken_at_once_is_held_back_but_not_for_long() -> None:
    young = vmi("Pending", creationTimestamp=format_time(NOW))
    for now in (NOW - 0.5, NOW, NOW + 1.9):
        held = planner.plan(vm_world(vm("Always", {}), young, now=now))
        assert held.action is None and held.again_in == 1.0
    assert isinstance(planner.plan(vm_world(vm("Always", {}), young, now=NOW + 2.1)).action, Patch)
    asked = vm("Always", {"startFailure": {"consecutiveFailCount": 1}})
    forgets = planner.plan(vm_world(asked, vmi("Running", ran=True, creationTimestamp=format_time(NOW))))
    assert isinstance(forgets.action, Patch), "what must be remembered is never held back"
