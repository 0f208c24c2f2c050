"""Whether a stream of a VMI (its serial console, its screen) can be reached."""

from __future__ import annotations

from collections.abc import Callable

from virt_api.plan.reading import Raw, flag, has, table, text
from virt_api.plan.status import VMI, Failure, bad_request, conflict
from virt_model.phases import Phase

SUBPROTOCOL = "plain.kubevirt.io"
NOT_RUNNING = bad_request("VMI is not running")
"""Clients take this one for "not yet" and ask again."""
Absent = Callable[[Raw, str], Failure | None]


def _declined(field: str, words: str) -> Absent:
    """A device that every guest has, unless a field declines it."""
    return lambda devices, _name: bad_request(words) if flag(devices, field) is False else None


def _no_usb(devices: Raw, name: str) -> Failure | None:
    return None if has(devices, "clientPassthrough") else conflict(VMI, name, "Not configured with USB Redirection")


def _no_vsock(devices: Raw, _name: str) -> Failure | None:
    return None if flag(devices, "autoattachVSOCK") else bad_request("VSOCK is not attached.")


DEVICES: dict[str, Absent] = {
    "console": _declined("autoattachSerialConsole", "No serial consoles are present."),
    "vnc": _declined("autoattachGraphicsDevice", "No graphics devices are present."),
    "usbredir": _no_usb,
    "vsock": _no_vsock,
}
"""By subresource: how the absence of the device behind it is told, given the VMI's `spec.domain.devices` and name."""


def unreachable(vmi: Raw, stream: str) -> Failure | None:
    """Why there is nothing to connect to, if so."""
    name, phase = text(vmi, "metadata", "name"), text(vmi, "status", "phase")
    if absent := DEVICES[stream](table(vmi, "spec", "domain", "devices"), name):
        return absent
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
