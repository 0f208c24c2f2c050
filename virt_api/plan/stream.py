"""Whether a stream of a VMI (its serial console, its screen) can be reached."""

from __future__ import annotations

from virt_api.plan.reading import Raw, flag, text
from virt_api.plan.status import VMI, Failure, bad_request, conflict
from virt_model.phases import Phase

SUBPROTOCOL = "plain.kubevirt.io"
NOT_RUNNING = bad_request("VMI is not running")
"""Clients take this one for "not yet" and ask again."""
DEVICES = {
    "console": ("autoattachSerialConsole", "No serial consoles are present."),
    "vnc": ("autoattachGraphicsDevice", "No graphics devices are present."),
}
"""By subresource: the field that declines the device behind it, and how its absence is told."""


def unreachable(vmi: Raw, stream: str) -> Failure | None:
    """Why there is nothing to connect to, if so."""
    name, phase = text(vmi, "metadata", "name"), text(vmi, "status", "phase")
    field, absent = DEVICES[stream]
    if flag(vmi, "spec", "domain", "devices", field) is False:
        return bad_request(absent)
    if phase == Phase.FAILED:
        return conflict(VMI, name, "VMI is in failed status")
    if phase not in (Phase.RUNNING, Phase.SCHEDULED):
        return NOT_RUNNING
    if not text(vmi, "status", "nodeName"):
        return conflict(VMI, name, "VMI is not assigned to a node yet")
    return None


def refused_by_handler(vmi: Raw, failure: Failure) -> Failure:
    """What a failed call of the handler means: before the guest runs, that it is too early."""
    return NOT_RUNNING if text(vmi, "status", "phase") == Phase.SCHEDULED else failure
