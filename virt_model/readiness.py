"""The Ready condition of a VMI, from its phase and its launcher pod.

Whoever writes a VMI anyway (virt-controller for most of its life, virt-handler when the guest comes up or goes down)
asks here, so that the condition needs no write of its own and both say the same.
"""

from __future__ import annotations

from typing import Any

import msgspec

from virt_model.conditions import FALSE, Condition, Stamp, Type
from virt_model.phases import Phase


class PodReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """What of a launcher pod decides whether its VMI is ready. `ready` is the pod's own Ready condition."""

    terminating: bool = False
    finished: bool = False  # its compute container has ended
    ready: dict[str, Any] | None = None


def _not_ready(reason: str, message: str) -> Condition:
    return Condition(type=Type.READY, status=FALSE, reason=reason, message=message, stamp=Stamp.PROBED)


NO_POD = _not_ready("PodNotExists", "virt-launcher pod has not yet been scheduled")
TERMINATING = _not_ready("PodTerminating", "virt-launcher pod is terminating")
NOT_RUNNING = _not_ready("GuestNotRunning", "Guest VM is not reported as running")
NO_POD_CONDITION = _not_ready("PodConditionMissing", "virt-launcher pod is missing the Ready condition")


def ready(phase: Phase, pod: PodReadiness | None) -> Condition | dict[str, Any]:
    """What to claim; a dict is the pod's own condition, to be copied in with its times."""
    if pod is None:
        return NO_POD
    if pod.terminating or pod.finished:
        return TERMINATING
    if phase is not Phase.RUNNING:
        return NOT_RUNNING
    if pod.ready is None:
        return NO_POD_CONDITION
    wanted = ("type", "status", "reason", "message", "lastProbeTime", "lastTransitionTime")
    return {key: pod.ready[key] for key in wanted if key in pod.ready}
