"""Where the virt-handler of a node is, by what name it is known, and what its refusals mean to the caller."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from virt_api.plan.reading import rows, text
from virt_api.plan.status import Failure, internal_error
from virt_model import conditions
from virt_model.name_forms import authority


def address_of(pods: list[dict[str, Any]]) -> str | None:
    """The address of a node's running virt-handler among its pods; None while there is none."""
    for pod in pods:
        going = text(pod, "metadata", "deletionTimestamp")
        ready = conditions.is_true(rows(pod, "status", "conditions"), conditions.Type.READY)
        if not going and ready and (address := text(pod, "status", "podIP")):
            return address
    return None


def url_of(address: str, port: int, namespace: str, name: str, action: str) -> str:
    """Where the handler serves a stream (`console`) or takes an action (`pause`) of a VMI."""
    return f"https://{authority(address, port)}/v1/namespaces/{namespace}/virtualmachineinstances/{name}/{action}"


def refused_stream(code: int, info: str) -> Failure:
    """`info`: what the handler wants the caller to know, beyond the code."""
    why = f"Can't connect to websocket ({code}): websocket: bad handshake"
    return internal_error(f"{why}: application info: {info}" if info else why)


def refused_action(code: int, words: str) -> Failure:
    phrase = next((known.phrase for known in HTTPStatus if known == code), "")
    return internal_error(f"unexpected return code {code} ({code} {phrase}), message: {words}")
