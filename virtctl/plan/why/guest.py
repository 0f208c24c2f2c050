"""A guest that runs, but not as it should: on a lost node, paused, not ready, its agent silent, a change that waits."""

from __future__ import annotations

from typing import Any, Final

from virt_model import conditions, labels
from virt_model.conditions import Type
from virt_model.phases import Phase
from virt_model.seen import Seen, Vmi, seconds
from virtctl.plan.why.case import Case, Cause, Link, lasted, message_of, said_by

_HANDLERS: Final = "kubectl -n kubevirt get pods -o wide -l kubevirt.io=virt-handler"
_PROBES: Final = ("readinessProbe", "livenessProbe")


def node_is_lost(case: Case) -> str:
    """Why nobody answers for the guest's node; "" where somebody does, or nothing is known of it."""
    node = case.node
    if node is None:
        return ""
    ready = conditions.find(node.conditions, "Ready")
    if ready is not None and ready.get("status") != conditions.TRUE:
        return f"the kubelet of node {node.name} does not answer: {message_of(ready)}"
    if node.labels.get(labels.SCHEDULABLE) == "false" and labels.HEARTBEAT in node.annotations:
        return f"virt-handler does not answer on node {node.name}"
    return ""


def node_lost(case: Case) -> Cause | None:
    """A guest of a lost node may still run: it is neither declared dead nor started elsewhere."""
    if (claim := case.condition(Type.NODE_LOST)) is not None and _runs(case):
        return _silent_node(case, claim)
    lost = node_is_lost(case)
    if not lost or case.vmi is None or case.vmi.phase.final:
        return None
    assert case.node is not None
    name = case.node.name
    return Cause(
        at=Link.NODE,
        waits=f"waits for its node {name}, which is lost",
        says=lost,
        said_by=f"node {name}",
        details=_heartbeat(case.node, case.now),
        do=(
            f"bring the node back; its guest is taken over as it is: kubectl describe node {name}",
            declare_off(name),
        ),
    )


def _silent_node(case: Case, claim: conditions.Wire) -> Cause:
    """A self-fencing guest of such a node ends by itself; what has to be proven stands in the condition."""
    assert case.vmi is not None
    name = case.vmi.node
    return Cause(
        at=Link.NODE,
        waits=f"waits for its node {name}, which is lost, or for proof that its guest has ended there",
        says=message_of(claim),
        said_by=said_by(claim, "VMI"),
        details=_heartbeat(case.node, case.now) if case.node is not None else (),
        do=(
            f"nothing, if the other nodes are well: it starts elsewhere by itself; else see them: {_HANDLERS}",
            declare_off(name),
        ),
    )


def declare_off(node: str) -> str:
    """What to do about a lost node that will not come back."""
    return (
        "or, only if the machine is certainly off: "
        f"kubectl taint node {node} {labels.OUT_OF_SERVICE_TAINT}=nodeshutdown:NoExecute"
    )


def _heartbeat(node: Seen, now: float) -> tuple[str, ...]:
    last = seconds(node.annotations.get(labels.HEARTBEAT))
    return () if last is None else (f"last heartbeat of virt-handler {lasted(now - last)} ago",)


def unheard(case: Case) -> Cause | None:
    found = case.condition(Type.SYNCHRONIZED)
    if found is None or found.get("status") != conditions.UNKNOWN or not _runs(case):
        return None
    pod = case.pod.name if case.pod is not None else ""
    return Cause(
        at=Link.DOMAIN,
        waits="waits for its launcher, which has stopped answering",
        says=message_of(found),
        said_by=said_by(found, "VMI"),
        do=(
            "see whether its node's storage hangs: a QEMU that waits for a disk answers nobody",
            *((f"see what the launcher said last: {case.command} logs {pod} -c compute --tail=20",) if pod else ()),
            f"or give the guest up: virtctl -n {case.namespace} restart {case.name} --force --grace-period=0",
        ),
    )


def paused(case: Case) -> Cause | None:
    found = case.condition(Type.PAUSED)
    if found is None or found.get("status") != conditions.TRUE or not _runs(case):
        return None
    if found.get("reason") != "PausedIOError":
        return Cause(
            at=Link.DOMAIN,
            waits="is paused, and waits for somebody to unpause it",
            says=message_of(found),
            said_by=said_by(found, "VMI"),
            do=(f"virtctl -n {case.namespace} unpause vmi {case.name}",),
        )
    told = case.told("VirtualMachineInstance", "IOerror")
    return Cause(
        at=Link.DOMAIN,
        waits="waits for its storage: a disk failed, so the guest was stopped",
        says=told.message if told is not None else message_of(found),
        said_by="virt-handler, event IOerror" if told is not None else said_by(found, "VMI"),
        do=("make room on the storage, or mend it; the guest is resumed by itself",),
    )


def agent_needed(case: Case) -> Cause | None:
    """A silent agent is nobody's trouble, unless something was asked for that only an agent gives."""
    needs = _needs_agent(case.vmi) if case.vmi is not None else ""
    if not needs or not _runs(case) or _agent_connected(case):
        return None
    return Cause(
        at=Link.DOMAIN,
        waits=f"waits for the guest's agent, which is silent; {needs} need it",
        says="no connection on the channel org.qemu.guest_agent.0",
        said_by="the VMI has no condition AgentConnected",
        do=(_INSTALL_AGENT, f"see whether the guest has booted: virtctl -n {case.namespace} console {case.name}"),
    )


_INSTALL_AGENT: Final = "in the guest: install qemu-guest-agent and start it (systemctl enable --now qemu-guest-agent)"


def agent_silent(case: Case) -> str:
    """A note."""
    if not _runs(case) or _agent_connected(case) or case.vmi is None or _needs_agent(case.vmi):
        return ""
    return f"the guest's agent is silent: no user list, no file systems, no quiesced snapshots; {_INSTALL_AGENT}"


def _agent_connected(case: Case) -> bool:
    return case.vmi is not None and conditions.is_true(case.vmi.conditions, Type.AGENT_CONNECTED)


def _needs_agent(vmi: Vmi) -> str:
    needs = [
        f"{probe}.{how}"
        for probe in _PROBES
        for how in ("guestAgentPing", "exec")
        if how in (vmi.spec.get(probe) or {})
    ]
    if any("qemuGuestAgent" in str(each) for each in vmi.spec.get("accessCredentials") or ()):
        needs.append("accessCredentials")
    return " and ".join(needs)


def not_ready(case: Case) -> Cause | None:
    found = case.is_false(Type.READY)
    if found is None or not _runs(case):
        return None
    told = case.told("Pod", "Unhealthy")
    probe: dict[str, Any] = (case.vmi.spec.get("readinessProbe") if case.vmi is not None else None) or {}
    if probe or told is not None:
        kind = next((key for key in ("httpGet", "tcpSocket", "exec", "guestAgentPing") if key in probe), "probe")
        return Cause(
            at=Link.DOMAIN,
            waits=f"runs, and waits for its readiness probe ({kind}) to succeed",
            says=told.message if told is not None else message_of(found),
            said_by="kubelet, event Unhealthy about the pod" if told is not None else said_by(found, "VMI"),
            do=(f"see what the guest does: virtctl -n {case.namespace} console {case.name}",),
        )
    return Cause(
        at=Link.POD,
        waits="runs, but is not ready",
        says=message_of(found),
        said_by=said_by(found, "VMI"),
        do=(f"see its pod: {case.command} describe pod {case.pod.name}",) if case.pod is not None else (),
    )


def restart_required(case: Case) -> Cause | None:
    found = conditions.find(case.vm.conditions, Type.RESTART_REQUIRED) if case.vm is not None else None
    if found is None or found.get("status") != conditions.TRUE:
        return None
    return Cause(
        at=Link.VM,
        waits="runs as it was started; a change of its template waits for a restart",
        says=message_of(found),
        said_by=said_by(found, "VM"),
        do=(f"virtctl -n {case.namespace} restart {case.name}",),
    )


def _runs(case: Case) -> bool:
    return case.vmi is not None and case.vmi.phase is Phase.RUNNING and not case.vmi.deleting
