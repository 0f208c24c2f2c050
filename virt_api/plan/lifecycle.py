"""Start, stop and restart of a VM: what is written, or why not.

| strategy | start | stop | restart |
|---|---|---|---|
| Always | refused: it starts by itself | becomes Halted | stop, then start |
| Once | refused | becomes Halted | refused |
| Halted | becomes Always (paused: a request) | refused, but for a shorter grace period | refused |
| Manual, RerunOnFailure | a request | a request | stop, then start |

A *request* is an entry in `status.stateChangeRequests`, which the VM controller carries out: `Start`, or `Stop` of one
VMI by its UID, so that a request that arrives late cannot stop the VMI that came after. With a live VMI every start is
refused. Every write tests what it was decided on: two callers at once get one success and one conflict.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from virt_api.plan.options import RestartOptions, StartOptions, StopOptions
from virt_api.plan.reading import Raw, find, flag, items, number, text
from virt_api.plan.status import VM, CallFailed, Failure, bad_request, conflict, internal_error
from virt_model.phases import FORCED_GRACE_SECONDS, Phase, RunStrategy, run_strategy

DEFAULT_GRACE_SECONDS = 30
Ops = tuple[dict[str, Any], ...]


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One JSON Patch: of the VM, of its status, or of its VMI.

    `undo` takes it back, where it still stands, if a later write fails.
    """

    target: str
    ops: Ops
    undo: Ops = ()


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A VM as it was read, with its VMI (None: there is none)."""

    vm: Raw
    vmi: Raw | None

    @property
    def name(self) -> str:
        return text(self.vm, "metadata", "name")

    @property
    def strategy(self) -> RunStrategy:
        return run_strategy(flag(self.vm, "spec", "running"), text(self.vm, "spec", "runStrategy"))

    @property
    def phase(self) -> str:
        return text(self.vmi, "status", "phase")

    @property
    def lives(self) -> bool:
        return self.vmi is not None and self.phase not in (Phase.SUCCEEDED, Phase.FAILED)


Writes = tuple[Write, ...]
VM_SPEC, VM_STATUS, VMI_SPEC = "vm", "vm status", "vmi"
_START_REFUSED = (RunStrategy.ALWAYS, RunStrategy.ONCE, RunStrategy.WAIT_AS_RECEIVER)
_RESTART_REFUSED = (RunStrategy.HALTED, RunStrategy.ONCE, RunStrategy.WAIT_AS_RECEIVER)


def start(machine: Machine, options: StartOptions) -> Writes:
    """Raises CallFailed."""
    strategy = machine.strategy
    if machine.lives:
        raise _refused(machine, "VM is already running")
    if strategy in _START_REFUSED:
        raise _refused(machine, f"{strategy} does not support manual start requests")
    if strategy is RunStrategy.RERUN_ON_FAILURE and machine.phase == Phase.FAILED:
        raise _refused(machine, f"{strategy} does not support starting VM from failed state")
    begin: dict[str, Any] = {"action": "Start"}
    if options.paused:
        begin["data"] = {"paused": "true"}
    if strategy is RunStrategy.HALTED and not options.paused:
        return (_set_running(machine, running=True),)
    ending = [_stop_of(machine)] if machine.vmi is not None and strategy is not RunStrategy.HALTED else []
    return (_request(machine, [*ending, begin]),)


def stop(machine: Machine, options: StopOptions) -> Writes:
    """Raises CallFailed."""
    strategy, grace = machine.strategy, options.grace_period
    if grace is not None and grace < 0:
        raise CallFailed(bad_request("gracePeriod has to be greater or equal to 0"))
    shorter = (_grace(machine, grace),) if grace is not None and machine.lives else ()
    if strategy is RunStrategy.HALTED:
        return _hasten(machine, grace)
    if strategy in (RunStrategy.MANUAL, RunStrategy.RERUN_ON_FAILURE):
        if machine.vmi is None or (strategy is RunStrategy.RERUN_ON_FAILURE and not machine.lives):
            raise _refused(machine, "VM is not running")
        return (*shorter, _request(machine, [_stop_of(machine)]))
    return (*shorter, _set_running(machine, running=False))


def restart(machine: Machine, options: RestartOptions) -> Writes:
    """Raises CallFailed."""
    grace = options.grace_period_seconds
    if grace is not None and grace < 0:
        raise CallFailed(bad_request("gracePeriod has to be greater or equal to 0"))
    if grace:
        raise CallFailed(bad_request("For force restart, only gracePeriod=0 is supported for now"))
    if machine.strategy in _RESTART_REFUSED:
        raise _refused(machine, f"RunStategy {machine.strategy} does not support manual restart requests")
    if machine.vmi is None:
        raise _refused(machine, f"VM is not running: {RunStrategy.HALTED}")
    forced = (_grace(machine, FORCED_GRACE_SECONDS),) if grace == 0 and machine.lives else ()
    return (*forced, _request(machine, [_stop_of(machine), {"action": "Start"}]))


def _refused(machine: Machine, why: str) -> CallFailed:
    return CallFailed(conflict(VM, machine.name, why))


def _hasten(machine: Machine, grace: int | None) -> Writes:
    """A halted VM whose guest is still shutting down may be given less time for it."""
    if not machine.lives:
        raise _refused(machine, "VM is not running")
    if grace is None or grace >= _grace_of(machine):
        raise _refused(machine, "Halted only supports manual stop requests with a shorter graceperiod")
    return (_grace(machine, grace),)


def _grace_of(machine: Machine) -> int:
    said = number(machine.vmi, "spec", "terminationGracePeriodSeconds")
    return DEFAULT_GRACE_SECONDS if said is None else said


def _grace(machine: Machine, seconds: int) -> Write:
    """For this VMI, not for one that has its name; and what somebody else has said meanwhile is not taken back."""
    path = "/spec/terminationGracePeriodSeconds"
    old = number(machine.vmi, "spec", "terminationGracePeriodSeconds")
    this = {"op": "test", "path": "/metadata/uid", "value": text(machine.vmi, "metadata", "uid")}
    as_read, as_written = ({"op": "test", "path": path, "value": value} for value in (old, seconds))
    back = {"op": "remove", "path": path} if old is None else {"op": "replace", "path": path, "value": old}
    change = {"op": "add", "path": path, "value": seconds}
    return Write(target=VMI_SPEC, ops=(this, as_read, change), undo=(this, as_written, back))


def _set_running(machine: Machine, *, running: bool) -> Write:
    path, old = "/spec/running", find(machine.vm, "spec", "running")
    value: bool | str = running
    if not isinstance(old, bool):
        path, old = "/spec/runStrategy", find(machine.vm, "spec", "runStrategy")
        value = (RunStrategy.ALWAYS if running else RunStrategy.HALTED).value
    ops = ({"op": "test", "path": path, "value": old}, {"op": "replace", "path": path, "value": value})
    return Write(target=VM_SPEC, ops=ops)


def _stop_of(machine: Machine) -> dict[str, Any]:
    return {"action": "Stop", "uid": text(machine.vmi, "metadata", "uid")}


def _request(machine: Machine, wanted: list[dict[str, Any]]) -> Write:
    """Requests wait for those before them, but a stop alone overrides whatever waits."""
    waiting = items(machine.vm, "status", "stateChangeRequests")
    only_stop = len(wanted) == 1 and wanted[0]["action"] == "Stop"
    if waiting and waiting != wanted and not only_stop:
        raise CallFailed(internal_error("unable to complete request: stop/start already underway"))
    return Write(target=VM_STATUS, ops=(*_requested(machine, wanted), *_forgiven(machine, wanted)))


def _requested(machine: Machine, wanted: list[dict[str, Any]]) -> Ops:
    status = find(machine.vm, "status")
    if not isinstance(status, dict):
        fresh = {"stateChangeRequests": wanted}
        return ({"op": "test", "path": "/status", "value": None}, {"op": "add", "path": "/status", "value": fresh})
    path = "/status/stateChangeRequests"
    test = {"op": "test", "path": path, "value": status.get("stateChangeRequests")}
    return (test, {"op": "add", "path": path, "value": wanted})


def _forgiven(machine: Machine, wanted: list[dict[str, Any]]) -> Ops:
    """Whoever starts a VM by hand does not want to wait for what failed before."""
    if wanted[-1]["action"] != "Start" or find(machine.vm, "status", "startFailure") is None:
        return ()
    return ({"op": "remove", "path": "/status/startFailure"},)


Verb = Callable[[Machine, Any], Writes]
VERBS: dict[str, tuple[Verb, type[StartOptions] | type[StopOptions] | type[RestartOptions]]] = {
    "start": (start, StartOptions),
    "stop": (stop, StopOptions),
    "restart": (restart, RestartOptions),
}


def lost_race(name: str, why: str) -> Failure:
    """A write found something else than what it was decided on."""
    return conflict(VM, name, why)
