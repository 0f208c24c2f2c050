"""The parts of a VMI's status that virt-controller writes: its phases, what it learns at hand-over, its conditions."""

from __future__ import annotations

from typing import Any, Final

from api.time import format_time
from virt_controller.plan.vmi_world import VmiWorld
from virt_model import conditions, eviction, labels, network_rules, readiness
from virt_model.conditions import FALSE, TRUE, Condition, Conditions, Stamp, Type
from virt_model.phases import Phase
from virt_model.seen import PULL_FAILURES, Pod, Vmi

Json = dict[str, Any]
MARKED_FOR_EVICTION: Final = Condition(
    type=Type.EVICTION_REQUESTED, status=TRUE, reason="EvictionRequested", message="VMI is marked for eviction",
    stamp=Stamp.PROBED,
)  # fmt: skip


def moved(status: Json, phase: Phase, now: float) -> Json:
    """`status` in another phase, with the moment kept."""
    stamp = {"phase": phase.value, "phaseTransitionTimestamp": format_time(now)}
    return {
        **status,
        "phase": phase.value,
        "phaseTransitionTimestamps": [*(status.get("phaseTransitionTimestamps") or ()), stamp],
    }


def with_conditions(vmi: Vmi, status: Json, found: Conditions) -> Json:
    """`status` with those conditions; the same object when they are what it has."""
    if found is vmi.conditions or (not found and "conditions" not in status):
        return status
    return {**status, "conditions": list(found)}


def ready(found: Conditions, phase: Phase, pod: Pod | None, now: float) -> Conditions:
    claim = readiness.ready(phase, pod_readiness(pod))
    if isinstance(claim, Condition):
        return conditions.put(found, claim, format_time(now))
    return conditions.copy_in(found, claim)


def marked_for_eviction(found: Conditions, vmi: Vmi, now: float) -> Conditions:
    """True while an eviction waits for the guest to leave its node; gone once it has, or the eviction is called off."""
    if not eviction.leaving(vmi):
        return conditions.drop(found, Type.EVICTION_REQUESTED)
    return conditions.put(found, MARKED_FOR_EVICTION, format_time(now))


def pod_readiness(pod: Pod | None) -> readiness.PodReadiness | None:
    if pod is None:
        return None
    own = conditions.find(pod.conditions, "Ready")
    return readiness.PodReadiness(
        terminating=pod.deleting, finished=pod.compute_ended, ready=dict(own) if own is not None else None
    )


def before_start(world: VmiWorld, found: Conditions, pod: Pod) -> Conditions:
    """Why the pod does not start, if it does not: no node, or an image that cannot be had."""
    now = format_time(world.now)
    scheduled = conditions.find(pod.conditions, "PodScheduled")
    if scheduled is not None and scheduled.get("status") == FALSE:
        found = conditions.copy_in(found, _condition_only(scheduled))
    else:
        found = conditions.drop(found, Type.POD_SCHEDULED)
    failure = pull_failure(pod)
    if failure is None:
        return conditions.drop(found, Type.SYNCHRONIZED)
    return conditions.put(found, failure, now)


def pull_failure(pod: Pod) -> Condition | None:
    for container in pod.containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in PULL_FAILURES:
            return unsynchronized(waiting["reason"], str(waiting.get("message") or ""))
    return None


def unsynchronized(reason: str, message: str) -> Condition:
    return Condition(type=Type.SYNCHRONIZED, status=FALSE, reason=reason, message=message)


def claim_missing(found: Conditions, message: str, now: str) -> Conditions:
    found = conditions.put(found, readiness.NO_POD, now)
    found = conditions.put(found, unsynchronized("FailedPvcNotFound", message), now)
    unscheduled = Condition(
        type=Type.POD_SCHEDULED, status=FALSE, reason="Unschedulable", message=message, stamp=Stamp.NEITHER
    )
    return conditions.put(found, unscheduled, now)


def _condition_only(condition: conditions.Wire) -> Json:
    """Without what pod conditions have beyond ours (observedGeneration)."""
    kept = ("type", "status", "reason", "message", "lastProbeTime", "lastTransitionTime")
    return {key: condition[key] for key in kept if key in condition}


def at_scheduling(status: Json, overhead_bytes: int) -> Json:
    """What is known once the pod exists."""
    memory = {**(status.get("memory") or {}), "memoryOverhead": f"{overhead_bytes // 1024}Ki"}
    return {**status, "memory": memory}


def at_hand_over(vmi: Vmi, status: Json, pod: Pod, launcher_image: str) -> Json:
    """What virt-handler finds when the VMI becomes its own."""
    return {
        **status,
        "nodeName": pod.node,
        "activePods": {**(status.get("activePods") or {}), pod.uid: pod.node},
        "launcherContainerImageVersion": launcher_image,
        "migrationTransport": "Unix",
        "qosClass": pod.status.get("qosClass") or "Burstable",
        "interfaces": _interfaces(vmi.spec),
        "volumeStatus": _volume_statuses(vmi.spec),
    }


def _volume_statuses(spec: Json) -> list[Json]:
    volumes = sorted(str(volume["name"]) for volume in spec.get("volumes") or ())
    return [{"name": name, "target": ""} for name in volumes]


def _interfaces(spec: Json) -> list[Json]:
    """One entry per NIC, the one on the primary network first."""
    primary = primary_network(spec)
    nics = [str(nic["name"]) for nic in ((spec.get("domain") or {}).get("devices") or {}).get("interfaces") or ()]
    ordered = sorted(nics, key=lambda name: name != primary)
    return [
        {"name": name, "podInterfaceName": network_rules.pod_interface(name, primary=name == primary)}
        for name in ordered
    ]


def primary_network(spec: Json) -> str:
    """The network that the pod's first interface is on: the pod network, or a multus network that replaces it."""
    for network in spec.get("networks") or ():
        if "pod" in network or (network.get("multus") or {}).get("default"):
            return str(network["name"])
    return ""


def unpaused_gate(vmi: Vmi, pod: Pod, now: float) -> Json | None:
    """A merge patch of the pod's status: the gate that lets it become Ready, and the label with its node. None when
    both are as they shall be.
    """
    paused = conditions.is_true(vmi.conditions, Type.PAUSED)
    claim = Condition(
        type=labels.UNPAUSED_GATE,
        status=conditions.FALSE if paused else conditions.TRUE,
        reason="Paused" if paused else "NotPaused",
        message=f"the virtual machine is {'' if paused else 'not '}paused",
        stamp=Stamp.PROBED,
    )
    found = conditions.put(pod.conditions, claim, format_time(now))
    body: Json = {}
    if found is not pod.conditions:
        body["status"] = {"conditions": [conditions.find(found, claim.type)]}
    metadata = {"labels": {labels.NODE_NAME: pod.node}} if pod.labels.get(labels.NODE_NAME) != pod.node else {}
    if not body and not metadata:
        return None
    return {**body, "metadata": {"uid": pod.uid, **metadata}}
