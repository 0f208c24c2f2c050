"""The tables and rules of the VM controller."""

from __future__ import annotations

from typing import Any

import pytest

from api.lens_patch import apply_patch
from api.time import format_time
from tests.unit.virt_controller.objects import NOW, vm, vm_world, vmi
from virt_controller.plan import backoff, strategy, vm_start
from virt_controller.plan import vm as planner
from virt_controller.plan.actions import SETTLED, Create, Delete, Kind, Patch, Question, Refusal
from virt_controller.plan.printable import LADDER, Case, printable_status
from virt_controller.plan.strategy import TABLE, State, Verb
from virt_model.phases import PrintableStatus, RunStrategy
from virt_model.seen import Vm

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


def _claim(type_: str, status: str, reason: str = "") -> dict[str, Any]:
    return {"type": type_, "status": status, "reason": reason}


_PAUSED, _UNPLACED = _claim("Paused", "True"), _claim("PodScheduled", "False", "Unschedulable")
_MOVING = {"migrationState": {"startTimestamp": "t"}}
#: the contract's order: in each line everything of the lines below holds too, and does not count
LINES: list[tuple[str, dict[str, Any], Any]] = [
    (
        "Terminating",
        {"deletionTimestamp": "x"},
        vmi("Running", {**_MOVING, "conditions": [_PAUSED]}, deletionTimestamp="x"),
    ),
    ("Stopping", {}, vmi("Running", {**_MOVING, "conditions": [_PAUSED]}, deletionTimestamp="x")),
    ("Migrating", {}, vmi("Running", {**_MOVING, "conditions": [_PAUSED]})),
    ("Unknown", {}, vmi("Running", {"conditions": [_PAUSED, _claim("Synchronized", "Unknown", "LauncherSilent")]})),
    ("Paused", {}, vmi("Running", {"conditions": [_PAUSED]})),
    ("Running", {}, vmi("Running", {"conditions": [_claim("Synchronized", "False", "FailedPvcNotFound")]})),
    (
        "ErrorPvcNotFound",
        {},
        vmi("Pending", {"conditions": [_claim("Synchronized", "False", "FailedPvcNotFound"), _UNPLACED]}),
    ),
    (
        "ErrorUnschedulable",
        {},
        vmi("Scheduling", {"conditions": [_claim("Synchronized", "False", "ErrImagePull"), _UNPLACED]}),
    ),
    ("ErrImagePull", {}, vmi("Scheduling", {"conditions": [_claim("Synchronized", "False", "ErrImagePull")]})),
    ("ImagePullBackOff", {}, vmi("Scheduling", {"conditions": [_claim("Synchronized", "False", "ImagePullBackOff")]})),
    ("Starting", {}, vmi("Scheduling", {"conditions": [_claim("Synchronized", "False", "other")]})),
    ("Starting", {}, vmi("Scheduled")),
    ("Starting", {}, None),
    ("ErrorUnschedulable", {}, vmi("Failed", {"conditions": [_UNPLACED]})),
    ("Stopped", {}, vmi("Succeeded", ran=True)),
    ("Unknown", {}, vmi("Unknown", ran=True)),
]


@pytest.mark.parametrize(("expected", "metadata", "instance"), LINES, ids=[line[0] for line in LINES])
def test_the_first_line_that_holds_is_shown(expected: str, metadata: dict[str, Any], instance: Any) -> None:
    machine = vm("Always", **metadata)
    verb = Verb.STOP if machine.deleting else strategy.decide(machine, instance)
    assert printable_status(Case(vm=machine, vmi=instance, verb=verb, now=NOW)) == expected


def test_a_receiver_waits() -> None:
    case = Case(vm=vm("WaitAsReceiver"), vmi=None, verb=Verb.REST, now=NOW)
    assert printable_status(case) is PrintableStatus.WAITING_FOR_RECEIVER


def test_every_word_of_the_contract_is_shown_but_those_of_data_volumes() -> None:
    missing = {"DataVolumeError", "Provisioning", "WaitingForVolumeBinding"}
    assert {status.value for status, _ in LADDER} == {each.value for each in PrintableStatus} - missing
    assert len(PrintableStatus) == 17


def test_a_start_that_waits_shows_as_a_crash_loop() -> None:
    failure = {"consecutiveFailCount": 1, "retryAfterTimestamp": format_time(NOW + 10)}
    machine = vm("Always", {"startFailure": failure})
    assert printable_status(Case(vm=machine, vmi=None, verb=Verb.START, now=NOW)) is PrintableStatus.CRASH_LOOP_BACK_OFF
    assert printable_status(Case(vm=machine, vmi=None, verb=Verb.START, now=NOW + 11)) is PrintableStatus.STARTING


def test_the_ladder_has_each_word_once_and_an_end() -> None:
    *words, last = [status for status, _ in LADDER]
    assert len(words) == len(set(words)) and last is PrintableStatus.UNKNOWN


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


LEAVING = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def test_who_holds_a_deletion_back_is_said_once() -> None:
    """First of the VMI, which the VM waits for, then of the VM itself, which we let go nevertheless."""
    held = vmi("Succeeded", ran=True, **LEAVING, finalizers=["example.com/net"])
    seen = vm_world(vm("Always", {"runStrategy": "Always"}, **LEAVING), held, live=True)
    told = planner.plan(seen).action
    assert isinstance(told, Patch) and told.subresource == "status"
    text = "the VirtualMachineInstance a cannot go: it is held by the finalizer example.com/net"
    assert [(each.type, each.reason, each.message) for each in told.events] == [("Warning", "FailedDelete", text)]
    after = Vm(apply_patch(seen.vm.raw, told.ops))
    assert [each["message"] for each in after.conditions if each["type"] == "Failure"] == [text]
    assert planner.plan(vm_world(after, held, live=True)) == SETTLED

    own = vm("Always", {}, **LEAVING, finalizers=["example.com/backup", "kubevirt.io/virtualMachineControllerFinalize"])
    told = planner.plan(vm_world(own, live=True)).action
    assert isinstance(told, Patch) and told.events[0].message.startswith("the VirtualMachine a cannot go")
    after = Vm(apply_patch(own.raw, told.ops))
    action = planner.plan(vm_world(after, live=True)).action
    assert isinstance(action, Patch) and action.ops[-1]["value"] == ["example.com/backup"]


@pytest.mark.parametrize("strategy_", ["Always", "Manual", "Halted"])
def test_a_vmi_of_nobody_is_adopted(strategy_: str) -> None:
    lonely = vmi("Running", ownerReferences=[])
    assert planner.plan(vm_world(vm(strategy_), lonely)).ask is Question.LIVE
    action = planner.plan(vm_world(vm(strategy_), lonely, live=True)).action
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
    told = {each["type"]: each.get("message") for each in values["/status/conditions"]}
    assert told["RestartRequired"] == (
        "a non-live-updatable field was changed in the template spec: domain.cpu.cores, domain.devices, "
        "domain.memory.guest"
    )
    assert values["/status/observedGeneration"] == 1


def test_news_that_is_overtaken_at_once_is_held_back_but_not_for_long() -> None:
    young = vmi("Pending", creationTimestamp=format_time(NOW))
    for now in (NOW - 0.5, NOW, NOW + 1.9):
        held = planner.plan(vm_world(vm("Always", {}), young, now=now))
        assert held.action is None and held.again_in == 1.0
    assert isinstance(planner.plan(vm_world(vm("Always", {}), young, now=NOW + 2.1)).action, Patch)
    asked = vm("Always", {"startFailure": {"consecutiveFailCount": 1}})
    forgets = planner.plan(vm_world(asked, vmi("Running", ran=True, creationTimestamp=format_time(NOW))))
    assert isinstance(forgets.action, Patch), "what must be remembered is never held back"
