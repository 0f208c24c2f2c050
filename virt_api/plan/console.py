"""Whether a VMI's serial console can be reached, and where."""

from __future__ import annotations

from typing import Any

from virt_api.plan.reading import Raw, flag, rows, text
from virt_api.plan.status import VMI, Failure, bad_request, conflict
from virt_model import conditions
from virt_model.phases import Phase

SUBPROTOCOL = "plain.kubevirt.io"
NOT_RUNNING = bad_request("VMI is not running")
"""Clients take this one for "not yet" and ask again."""


def unreachable(vmi: Raw) -> Failure | None:
    """Why there is no console to connect to, if so."""
    name, phase = text(vmi, "metadata", "name"), text(vmi, "status", "phase")
    if flag(vmi, "spec", "domain", "devices", "autoattachSerialConsole") is False:
        return bad_request("No serial consoles are present.")
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


def handler_address(pods: list[dict[str, Any]]) -> str | None:
    """The address of a node's running virt-handler among its pods; None while there is none."""
    for pod in pods:
        going = text(pod, "metadata", "deletionTimestamp")
        ready = conditions.is_true(rows(pod, "status", "conditions"), conditions.Type.READY)
        if not going and ready and (address := text(pod, "status", "podIP")):
            return address
    return None


def handler_server_name(node: str, namespace: str) -> str:
    """The name that the handler of a node has in its certificate, and no other handler has."""
    return f"{node}.virt-handler.{namespace}.svc"


def handler_url(address: str, port: int, namespace: str, name: str, stream: str) -> str:
    """Where the handler serves a stream (`console`, `vnc`) of a VMI."""
    host = f"[{address}]" if ":" in address else address
    return f"https://{host}:{port}/v1/namespaces/{namespace}/virtualmachineinstances/{name}/{stream}"
