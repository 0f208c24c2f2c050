"""Start, stop and restart under every strategy: the table of the essay, row by row."""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest

from virt_api.plan.lifecycle import VM_SPEC, VM_STATUS, VMI_SPEC, Machine, restart, start, stop
from virt_api.plan.options import RestartOptions, StartOptions, StopOptions, parse
from virt_api.plan.status import CallFailed

STOP = {"action": "Stop", "uid": "u1"}
START = {"action": "Start"}
ALIVE, ENDED, FAILED, NONE = "Running", "Succeeded", "Failed", ""


def machine(strategy: Any, phase: str = NONE, status: Any = None, grace: int | None = None) -> Machine:
    how = {"running": strategy} if isinstance(strategy, bool) else {"runStrategy": strategy}
    vm = {"metadata": {"name": "x"}, "spec": how}
    if status is not None:
        vm["status"] = status
    spec = {} if grace is None else {"terminationGracePeriodSeconds": grace}
    vmi = {"metadata": {"name": "x", "uid": "u1"}, "spec": spec, "status": {"phase": phase}} if phase else None
    return Machine(vm=vm, vmi=vmi)


def outcome(verb: Any, of: Machine, options: Any) -> Any:
    """What the writes amount to, or the refusal (code, message without its preamble)."""
    try:
        writes = verb(of, options)
    except CallFailed as failed:
        failure = failed.failure
        preamble = 'Operation cannot be fulfilled on virtualmachine.kubevirt.io "x": '
        return failure.code, failure.message.removeprefix(preamble)
    objects: dict[str, Any] = {VM_SPEC: of.vm, VM_STATUS: of.vm, VMI_SPEC: of.vmi}
    said = []
    for write in writes:
        tests = [op for op in write.ops if op["op"] == "test"]
        assert tests, "a write without a precondition"
        before = objects[write.target]
        known = [op for op in write.ops if not (op["op"] == "test" and op["value"] is None)]
        after = jsonpatch.apply_patch(before, known)
        if write.target == VM_SPEC:
            said.append(after["spec"])
        elif write.target == VM_STATUS:
            said.append(after["status"]["stateChangeRequests"])
        else:
            said.append(after["spec"]["terminationGracePeriodSeconds"])
            assert jsonpatch.apply_patch(after, list(write.undo)) == before
    return said


TABLE = [
    # verb, strategy, phase of the VMI, outcome
    (start, "Always", NONE, (409, "Always does not support manual start requests")),
    (start, True, NONE, (409, "Always does not support manual start requests")),
    (start, "Always", ALIVE, (409, "VM is already running")),
    (start, "Once", NONE, (409, "Once does not support manual start requests")),
    (start, "Once", ENDED, (409, "Once does not support manual start requests")),
    (start, "Halted", NONE, [{"runStrategy": "Always"}]),
    (start, False, NONE, [{"running": True}]),
    (start, "Halted", ENDED, [{"runStrategy": "Always"}]),
    (start, "Halted", ALIVE, (409, "VM is already running")),
    (start, "Manual", NONE, [[START]]),
    (start, "Manual", ENDED, [[STOP, START]]),
    (start, "Manual", FAILED, [[STOP, START]]),
    (start, "Manual", "Scheduled", (409, "VM is already running")),
    (start, "RerunOnFailure", NONE, [[START]]),
    (start, "RerunOnFailure", ENDED, [[STOP, START]]),
    (start, "RerunOnFailure", FAILED, (409, "RerunOnFailure does not support starting VM from failed state")),
    (stop, "Always", ALIVE, [{"runStrategy": "Halted"}]),
    (stop, "Always", NONE, [{"runStrategy": "Halted"}]),
    (stop, True, ALIVE, [{"running": False}]),
    (stop, "Once", ENDED, [{"runStrategy": "Halted"}]),
    (stop, "Halted", NONE, (409, "VM is not running")),
    (stop, "Halted", ENDED, (409, "VM is not running")),
    (stop, "Halted", ALIVE, (409, "Halted only supports manual stop requests with a shorter graceperiod")),
    (stop, "Manual", ALIVE, [[STOP]]),
    (stop, "Manual", NONE, (409, "VM is not running")),
    (stop, "RerunOnFailure", ALIVE, [[STOP]]),
    (stop, "RerunOnFailure", ENDED, (409, "VM is not running")),
    (restart, "Always", ALIVE, [[STOP, START]]),
    (restart, "Manual", ALIVE, [[STOP, START]]),
    (restart, "RerunOnFailure", ALIVE, [[STOP, START]]),
    (restart, "Manual", NONE, (409, "VM is not running: Halted")),
    (restart, "Always", NONE, (409, "VM is not running: Halted")),
    (restart, "Halted", NONE, (409, "RunStategy Halted does not support manual restart requests")),
    (restart, "Once", ALIVE, (409, "RunStategy Once does not support manual restart requests")),
]
PLAIN = {start: StartOptions(), stop: StopOptions(), restart: RestartOptions()}


@pytest.mark.parametrize(("verb", "strategy", "phase", "wanted"), TABLE)
@pytest.mark.parametrize("status", [None, {}, {"stateChangeRequests": []}, {"printableStatus": "Stopped"}])
def test_the_table(verb: Any, strategy: Any, phase: str, wanted: Any, status: Any) -> None:
    assert outcome(verb, machine(strategy, phase, status), PLAIN[verb]) == wanted


def test_paused_start_is_a_request_under_every_strategy() -> None:
    paused = {"action": "Start", "data": {"paused": "true"}}
    assert outcome(start, machine("Halted"), StartOptions(paused=True)) == [[paused]]
    assert outcome(start, machine("Manual", ENDED), StartOptions(paused=True)) == [[STOP, paused]]


def test_a_shorter_grace_period_is_written_first() -> None:
    assert outcome(stop, machine("Always", ALIVE, grace=60), StopOptions(grace_period=0)) == [
        0,
        {"runStrategy": "Halted"},
    ]
    assert outcome(stop, machine("Manual", ALIVE), StopOptions(grace_period=5)) == [5, [STOP]]
    assert outcome(stop, machine("Always", NONE), StopOptions(grace_period=5)) == [{"runStrategy": "Halted"}]


def test_a_grace_period_is_for_one_vmi_and_taken_back_where_it_stands() -> None:
    asked = machine("Manual", ALIVE, grace=60)
    write = stop(asked, StopOptions(grace_period=0))[0]
    assert asked.vmi is not None
    successor = {**asked.vmi, "metadata": {"name": "x", "uid": "u2"}}
    overtaken = {**asked.vmi, "spec": {"terminationGracePeriodSeconds": 5}}
    for ops, found in ((write.ops, successor), (write.undo, successor), (write.undo, overtaken)):
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            jsonpatch.apply_patch(found, list(ops))


@pytest.mark.parametrize(
    ("grace", "asked", "fine"), [(60, 10, True), (10, 10, False), (None, 29, True), (None, 30, False)]
)
def test_a_guest_that_is_halting_may_be_hurried_but_not_slowed(grace: int | None, asked: int, fine: bool) -> None:
    said = outcome(stop, machine("Halted", ALIVE, grace=grace), StopOptions(grace_period=asked))
    assert said == ([asked] if fine else (409, "Halted only supports manual stop requests with a shorter graceperiod"))


def test_restart_by_force() -> None:
    assert outcome(restart, machine("Always", ALIVE), RestartOptions(grace_period_seconds=0)) == [1, [STOP, START]]
    refused = outcome(restart, machine("Always", ALIVE), RestartOptions(grace_period_seconds=10))
    assert refused == (400, "For force restart, only gracePeriod=0 is supported for now")


def test_requests_do_not_overtake_each_other_but_a_stop_goes_through() -> None:
    waiting = {"stateChangeRequests": [START]}
    underway = (500, "Internal error occurred: unable to complete request: stop/start already underway")
    assert outcome(restart, machine("Manual", ALIVE, waiting), RestartOptions()) == underway
    assert outcome(start, machine("Manual", ENDED, waiting), StartOptions()) == underway
    assert outcome(start, machine("Manual", NONE, waiting), StartOptions()) == [[START]], "the same request again"
    assert outcome(stop, machine("Manual", ALIVE, waiting), StopOptions()) == [[STOP]]


def test_a_manual_start_forgives_earlier_failures() -> None:
    failing = {"startFailure": {"consecutiveFailCount": 3}, "stateChangeRequests": []}
    of = machine("Manual", NONE, failing)
    (write,) = start(of, StartOptions())
    assert "startFailure" not in jsonpatch.apply_patch(of.vm, list(write.ops))["status"]


@pytest.mark.parametrize(
    ("body", "kind"), [(b"{", StopOptions), (b'{"gracePeriod":"x"}', StopOptions), (b"[" * 100000, StartOptions)]
)
def test_a_bad_body_is_a_bad_request(body: bytes, kind: Any) -> None:
    with pytest.raises(CallFailed) as caught:
        parse(body, kind)
    assert caught.value.failure.code == 400
    assert caught.value.failure.message.startswith("Can not unmarshal Request body to struct, error: ")


def test_bodies() -> None:
    assert parse(b"", StopOptions) == StopOptions()
    assert parse(b'{"kind":"x","gracePeriod":0,"dryRun":["All"]}', StopOptions) == StopOptions(0, ("All",))
    with pytest.raises(CallFailed, match="dryRun"):
        parse(b'{"dryRun":["Some"]}', StopOptions)
