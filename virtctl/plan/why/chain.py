"""The chain from a VM to its domain, one line for each link."""

from __future__ import annotations

import msgspec

from virt_model import conditions, labels, names
from virt_model.conditions import Type
from virt_model.phases import Phase
from virt_model.seen import Seen, Vmi
from virtctl.plan.why.case import Case, Link, lasted


class Station(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is shown. `state` is "" where there is no such object."""

    link: Link
    name: str = "-"
    state: str = ""
    more: str = ""


def chain(case: Case) -> tuple[Station, ...]:
    """From what the user made to what runs; a VMI of its own has no VM above it."""
    below = (_vmi(case), _pod(case), _node(case), _domain(case))
    return (_vm(case), *below) if case.vm is not None or case.asked_for is Link.VM else below


def _vm(case: Case) -> Station:
    if case.vm is None:
        return Station(link=Link.VM)
    state = str(case.vm.status.get("printableStatus") or "not looked at yet")
    return Station(
        link=Link.VM, name=case.vm.name, state=state, more=_also(case.vm, case, f"run strategy {case.vm.strategy}")
    )


def _vmi(case: Case) -> Station:
    vmi = case.vmi
    if vmi is None:
        return Station(link=Link.VMI)
    since = vmi.entered_at(vmi.phase) or vmi.created_at
    more = f"for {lasted(case.now - since)}" if since is not None else ""
    return Station(link=Link.VMI, name=vmi.name, state=vmi.phase or "new", more=_also(vmi, case, more))


def _also(obj: Seen, case: Case, more: str) -> str:
    if obj.deleted_at is None:
        return more
    return f"{more}, deleted {lasted(case.now - obj.deleted_at)} ago".removeprefix(", ")


def _pod(case: Case) -> Station:
    pod = case.pod
    if pod is None:
        return Station(link=Link.POD)
    more = "ended badly" if pod.ended_badly else (pod.waiting if pod.node else "on no node")
    return Station(link=Link.POD, name=pod.name, state=pod.phase, more=_also(pod, case, more))


def _node(case: Case) -> Station:
    name = case.pod.node if case.pod is not None else case.vmi.node if case.vmi is not None else ""
    if not name:
        return Station(link=Link.NODE)
    if case.node is None:
        return Station(link=Link.NODE, name=name, state="not read")
    ready = conditions.is_true(case.node.conditions, "Ready")
    guests = "" if case.node.labels.get(labels.SCHEDULABLE) == "true" else "takes no new guests"
    return Station(link=Link.NODE, name=name, state="Ready" if ready else "NotReady", more=guests)


def _domain(case: Case) -> Station:
    vmi = case.vmi
    if vmi is None or vmi.phase is not Phase.RUNNING:
        return Station(link=Link.DOMAIN)
    state = "paused" if conditions.is_true(vmi.conditions, Type.PAUSED) else "running"
    return Station(link=Link.DOMAIN, name=names.domain_name(vmi.namespace, vmi.name), state=state, more=_addresses(vmi))


def _addresses(vmi: Vmi) -> str:
    found = [str(nic["ipAddress"]) for nic in vmi.status.get("interfaces") or () if nic.get("ipAddress")]
    return ", ".join(found)
