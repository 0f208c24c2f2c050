"""A VM without a guest: nobody asked for one, the start is refused, comes too soon, or has not been seen to."""

from __future__ import annotations

from typing import Final

from virt_model import conditions
from virt_model.conditions import Type
from virt_model.phases import RunStrategy
from virt_model.seen import Vm, seconds
from virtctl.plan.why.case import Case, Cause, Link, Told, lasted, message_of, said_by

_STARTS_BY_ITSELF: Final = (RunStrategy.ALWAYS, RunStrategy.ONCE)
_FAULTS: Final = ("SyncFailed", "Stopped", "LauncherFailed", "FailedCreate")


def refused(case: Case) -> Cause | None:
    """virt-controller tried, and the API said no."""
    found = conditions.find(case.vm.conditions, Type.FAILURE) if case.vm is not None else None
    if found is None or found.get("status") != conditions.TRUE:
        return None
    quota = "exceeded quota" in message_of(found)
    do = f"see what is used: {case.command} describe quota" if quota else "mend what the message names"
    return Cause(
        at=Link.VM,
        waits="waits for room in the quota of its namespace" if quota else "waits for its VMI, which is refused",
        says=message_of(found),
        said_by=said_by(found, "VM"),
        do=(f"{do}; it is tried again by itself",),
    )


def backing_off(case: Case) -> Cause | None:
    """Starts that fail come slower and slower. What matters is why the last one failed."""
    if case.vm is None or case.vmi is not None:
        return None
    failure = case.vm.start_failure
    until = seconds(failure.get("retryAfterTimestamp"))
    if until is None or until <= case.now:
        return None
    count = failure.get("consecutiveFailCount")
    last = last_fault(case, str(failure.get("lastFailedVMIUID") or ""))
    return Cause(
        at=Link.VMI,
        waits=f"waits {lasted(until - case.now)} before it is started again: {count} starts in a row have failed",
        says=last.message if last is not None else "the guest ended before it ran",
        said_by=f"event {last.reason} about the {last.about[0]}" if last is not None else "status.startFailure",
        do=(
            "mend that; virtctl stop, then start, begins without the wait: "
            f"virtctl -n {case.namespace} stop {case.name}",
        ),
    )


def last_fault(case: Case, vmi_uid: str = "") -> Told | None:
    """The last word of trouble about a VMI of this name, or about that very one."""
    found = [
        each
        for each in case.events
        if each.warning
        and each.about == ("VirtualMachineInstance", case.name)
        and each.reason in _FAULTS
        and (not vmi_uid or each.uid in ("", vmi_uid))
    ]
    telling = [each for each in found if each.reason != "Stopped"]  # `Stopped` says that, not why
    best = telling or found
    return best[-1] if best else None


def pending(case: Case) -> Cause | None:
    """An action that was accepted and has not taken effect."""
    if case.vm is None or case.vm.deleting:
        return None
    request = next(iter(case.vm.requests), None)
    if request is not None:
        action = str(request.get("action") or "").lower()
        restart = action == "stop" and len(case.vm.requests) > 1
        return _action(case, "restart" if restart else action, f"status.stateChangeRequests of the VM: {request}")
    if case.vm.strategy is RunStrategy.HALTED and case.vmi is not None and not case.vmi.deleting:
        return _action(case, "stop", "the run strategy is Halted, and a VMI is still there")
    if case.vmi is None and (case.vm.strategy in _STARTS_BY_ITSELF or _new_to_rerun(case.vm)):
        return _action(case, "start", f"the run strategy is {case.vm.strategy}, and there is no VMI yet")
    return None


def _action(case: Case, action: str, says: str) -> Cause:
    return Cause(
        at=Link.VM,
        waits=f"waits for virt-controller to {action} it",
        says=says,
        do=(
            "nothing, if that was just asked for: this takes seconds",
            "else see whether it runs: kubectl -n kubevirt get pods -l kubevirt.io=virt-controller",
        ),
    )


def _new_to_rerun(vm: Vm) -> bool:
    """The first pass under RerunOnFailure starts a guest."""
    return vm.strategy is RunStrategy.RERUN_ON_FAILURE and vm.status.get("runStrategy") != vm.strategy


def stopped(case: Case) -> Cause | None:
    vm = case.vm
    if vm is None or vm.deleting or (case.vmi is not None and not case.vmi.phase.final):
        return None
    if vm.strategy in _STARTS_BY_ITSELF and not (vm.strategy is RunStrategy.ONCE and case.vmi is not None):
        return None
    if case.vmi is not None and case.vmi.phase == "Failed":
        return None  # it crashed: that comes first
    return Cause(
        at=Link.VM,
        waits="is stopped, and waits for somebody to start it",
        says=_why_stopped(vm),
        said_by="spec of the VM",
        do=(_start(case, vm),),
    )


def _why_stopped(vm: Vm) -> str:
    if vm.strategy is RunStrategy.HALTED:
        return "the run strategy is Halted"
    if vm.strategy in (RunStrategy.RERUN_ON_FAILURE, RunStrategy.ONCE):
        return f"the run strategy is {vm.strategy}: a guest that ended well is not started again"
    return f"the run strategy is {vm.strategy}: it starts when somebody says so"


def _start(case: Case, vm: Vm) -> str:
    if vm.strategy is RunStrategy.ONCE:
        return f"to run it once more: {case.command} delete vmi {case.name}"
    return f"virtctl -n {case.namespace} start {case.name}"
