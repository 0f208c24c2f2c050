"""Ends: a deletion that does not come through, a launcher or guest that crashed, a guest that has ended."""

from __future__ import annotations

from typing import Final

from virt_model import labels, node_ends
from virt_model.phases import Phase, RunStrategy
from virt_model.seen import Seen, Vmi
from virtctl.plan.why.case import Case, Cause, Link, lasted
from virtctl.plan.why.guest import declare_off, node_is_lost
from virtctl.plan.why.power import last_fault

_GRACE: Final = 30
#: seconds beyond its grace within which a guest is killed and its pod goes
_MARGIN: Final = 30.0


def leaving(case: Case) -> Cause | None:
    """What holds a deletion back, from the guest upwards: an object goes when what is below it has gone."""
    asked = case.vm if case.asked_for is Link.VM else case.vmi
    going = next((each for each in (asked, case.vmi) if each is not None and each.deleting), None)
    if going is None:
        return None
    if case.pod is not None:
        lost = node_is_lost(case)
        return _on_lost_node(case, lost) if lost else _shutting_down(case, going)
    for each, at in ((case.vmi, Link.VMI), (case.vm, Link.VM)):
        if each is not None and each.deleting and each.held_by:
            return _held(each, at)
    return _let_go_by(case, going)


def _let_go_by(case: Case, going: Seen) -> Cause:
    if labels.FOREGROUND_FINALIZER in going.finalizers and not labels.MACHINE_FINALIZERS & set(going.finalizers):
        whom = "Kubernetes' garbage collector, which first deletes what it owns"
        do = f"see what is left of it: {case.command} get vmis,pods,controllerrevisions"
    else:
        whom = "virt-controller"
        do = "see whether it runs: kubectl -n kubevirt get pods -l kubevirt.io=virt-controller"
    since = lasted(case.now - (going.deleted_at or case.now))
    return Cause(
        at=Link.VM if going is case.vm else Link.VMI,
        waits=f"waits to be let go by {whom}, for {since}",
        says=f"finalizers: {', '.join(going.finalizers)}",
        said_by="its metadata",
        do=(do,),
    )


def _on_lost_node(case: Case, lost: str) -> Cause:
    assert case.node is not None
    return Cause(
        at=Link.NODE,
        waits="cannot be deleted: its node is lost, and nobody can say that its guest has ended",
        says=lost,
        said_by=f"node {case.node.name}",
        do=(
            f"bring the node back: kubectl describe node {case.node.name}",
            declare_off(case.node.name),
        ),
    )


def _shutting_down(case: Case, going: Seen) -> Cause:
    assert case.pod is not None
    if case.pod.held_by:
        return _held(case.pod, Link.POD)
    since = case.now - (going.deleted_at or case.now)
    grace = _grace(case.vmi)
    if since > grace + _MARGIN:
        return Cause(
            at=Link.POD,
            waits=f"waits for its pod to go, for {lasted(since)}: longer than its {grace} s of grace",
            says=f"phase {case.pod.phase}",
            said_by=f"pod {case.pod.name}",
            do=(
                f"see what the node says: {case.command} describe pod {case.pod.name}",
                f"and virt-handler there: kubectl -n kubevirt logs -l kubevirt.io=virt-handler | grep {case.name}",
            ),
        )
    told = case.told("VirtualMachineInstance", "ShuttingDown")
    return Cause(
        at=Link.DOMAIN,
        waits=f"waits for its guest to shut down: {lasted(since)} of {grace}s have passed, then it is switched off",
        says=told.message if told is not None else "",
        said_by="virt-handler, event ShuttingDown" if told is not None else "",
        do=(
            "nothing; or switch it off now, which may lose data: "
            f"virtctl -n {case.namespace} stop {case.name} --force --grace-period=0",
        ),
    )


def _grace(vmi: Vmi | None) -> int:
    given = vmi.spec.get("terminationGracePeriodSeconds") if vmi is not None else None
    return _GRACE if given is None else int(given)


def _held(obj: Seen, at: Link) -> Cause:
    holders = " and ".join(obj.held_by)
    return Cause(
        at=at,
        waits=f"cannot be deleted: the {at} is held by the finalizer {holders}, which is not podvirt's",
        says=f"finalizers: {', '.join(obj.finalizers)}",
        said_by=f"metadata of the {at}",
        do=("whoever put it there takes it off when its work is done: see whether that still runs",),
    )


def with_its_node(case: Case) -> Cause | None:
    """Nobody has to look for a fault of the guest, nor can its launcher's log be read."""
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.FAILED or vmi.status.get("reason") not in node_ends.REASONS:
        return None
    reason = str(vmi.status["reason"])
    told = case.told("VirtualMachineInstance", reason)
    return Cause(
        at=Link.NODE,
        waits=f"has ended with its node {vmi.node}, which was lost",
        says=told.message if told is not None else reason,
        said_by=f"event {reason} about the VMI" if told is not None else "status.reason of the VMI",
        do=(_again(case),),
    )


def crashed(case: Case) -> Cause | None:
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.FAILED:
        return None
    fault = last_fault(case, vmi.uid)
    how = case.pod.ended_badly if case.pod is not None else ""
    launcher_ended = bool(how) or (fault is not None and fault.reason == "LauncherFailed")
    waits = "has failed" if vmi.ran else "has failed before its guest ran"
    says = how or (fault.message if fault is not None else str(vmi.status.get("reason") or ""))
    by = f"pod {case.pod.name}" if how and case.pod is not None else ""
    logs = f"{case.command} logs {case.pod.name} -c compute --tail=20" if case.pod is not None else ""
    do = [f"read the launcher's last words: {logs}"] if logs else []
    do.append(_again(case))
    return Cause(
        at=Link.POD if launcher_ended else Link.DOMAIN,
        waits=f"{waits}: its launcher ended" if launcher_ended else f"{waits}: its guest crashed" if vmi.ran else waits,
        says=says,
        said_by=by or (f"event {fault.reason} about the VMI" if fault is not None and says else ""),
        do=tuple(do),
    )


def _again(case: Case) -> str:
    if case.vm is None:
        return f"make it anew: {case.command} delete vmi {case.name}, and create it again"
    if case.vm.strategy in (RunStrategy.ALWAYS, RunStrategy.RERUN_ON_FAILURE):
        return "nothing: the VM starts it again by itself"
    if case.vm.strategy is RunStrategy.ONCE:
        return f"have its VM, which runs it once, make it once more: {case.command} delete vmi {case.name}"
    return f"start it again: virtctl -n {case.namespace} start {case.name}"


def ended(case: Case) -> Cause | None:
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.SUCCEEDED:
        return None
    return Cause(
        at=Link.DOMAIN,
        waits="has ended: its guest was shut down",
        says="phase Succeeded",
        said_by="the VMI",
        do=(_again(case),),
    )
