"""A launcher pod that no node takes: which resource is short, and what is wrong with each node."""

from __future__ import annotations

import re
from typing import Final

from virt_model import conditions, devices
from virt_model.conditions import Type, Wire
from virt_model.seen import Seen
from virtctl.plan.why import fit
from virtctl.plan.why.case import Case, Cause, Link, message_of, said_by

_SHORT: Final = re.compile(r"Insufficient ([A-Za-z0-9./-]*[A-Za-z0-9])")
_EMULATE: Final = (
    "kubectl -n kubevirt patch kubevirt kubevirt --type=merge -p "
    '\'{"spec":{"configuration":{"developerConfiguration":{"useEmulation":true}}}}\''
)
MOST_NODES: Final = 8


def no_kvm(case: Case) -> Cause | None:
    """Nodes whose CPUs cannot run a guest offer no KVM, and a launcher asks for one unless emulation is allowed."""
    found = _unscheduled(case)
    if found is None or devices.KVM not in _SHORT.findall(message_of(found)):
        return None
    if any(_offers_kvm(node) for node in case.nodes or ()):
        return None
    return Cause(
        at=Link.NODE,
        waits="waits for a node with usable KVM",
        says=message_of(found),
        said_by=said_by(found, "pod"),
        details=_each_node(case),
        do=(
            "use machines with virtualization, turned on in their firmware (in a cloud: nested virtualization)",
            f"or allow emulation, which is slow: {_EMULATE}",
        ),
    )


def unschedulable(case: Case) -> Cause | None:
    found = _unscheduled(case)
    if found is None:
        return None
    short = _SHORT.findall(message_of(found))
    what = f"with enough {_and(short)}" if short else "that fits"
    do = [_less(case, short)] if short else [f"mend what it asks of a node: {case.command} edit {case.object}"]
    if case.nodes is None:
        do.append("ask who may list nodes to run this command: it then names each node and what it lacks")
    else:
        do.append("or make room on a node, or add one; it starts by itself")
    return Cause(
        at=Link.NODE,
        waits=f"waits for a node {what}",
        says=message_of(found),
        said_by=said_by(found, "pod"),
        details=_each_node(case),
        do=tuple(do),
    )


def _unscheduled(case: Case) -> Wire | None:
    """What the scheduler says. The pod knows it first; its VMI's copy outlives it."""
    if case.pod is None:
        return None
    own = conditions.find(case.pod.conditions, Type.POD_SCHEDULED)
    return own if own is not None and own.get("status") == conditions.FALSE and not case.pod.node else None


def _offers_kvm(node: Seen) -> bool:
    return str((node.status.get("allocatable") or {}).get(devices.KVM, "0")) != "0"


def _each_node(case: Case) -> tuple[str, ...]:
    if case.nodes is None or case.pod is None:
        return ()
    lines = []
    for node in case.nodes[:MOST_NODES]:
        found = fit.obstacles(case.pod, node, case.neighbours)
        lines.append(f"{node.name}: {'; '.join(found) or 'nothing found that keeps it away'}")
    if len(case.nodes) > MOST_NODES:
        lines.append(f"and {len(case.nodes) - MOST_NODES} more nodes")
    return tuple(lines)


def _less(case: Case, short: list[str]) -> str:
    if set(short) <= {"memory", "cpu"}:
        field = "domain.memory.guest" if "memory" in short else "domain.cpu"
        return f"ask for less ({case.spec_path}.{field}): {case.command} edit {case.object}"
    return f"see who holds {_and(short)}: kubectl describe nodes"


def _and(words: list[str]) -> str:
    unique = list(dict.fromkeys(words))
    return " and ".join([", ".join(unique[:-1]), unique[-1]]) if len(unique) > 1 else "".join(unique)
