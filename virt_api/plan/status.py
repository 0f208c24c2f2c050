"""The meta/v1 Status that a refused call is answered with, in the words the API server itself uses.

The resource in these texts is singular (`virtualmachine.kubevirt.io "x" not found`): clients have seen it so.
"""

from __future__ import annotations

from typing import Any

import msgspec

GROUP = "kubevirt.io"
VM = "virtualmachine"
VMI = "virtualmachineinstance"


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A call that ends in an error: HTTP status, and what its Status object says."""

    code: int
    reason: str
    message: str
    details: dict[str, Any] = {}
    as_text: bool = False
    """The message alone is the answer, not a Status object."""

    def as_json(self) -> dict[str, Any]:
        details = {"details": self.details} if self.details else {}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **details,
            "code": self.code,
        }


class CallFailed(Exception):
    """Carries a failure to the one place that answers with it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def not_found(kind: str, name: str) -> Failure:
    details = {"name": name, "group": GROUP, "kind": kind}
    return Failure(code=404, reason="NotFound", message=f'{kind}.{GROUP} "{name}" not found', details=details)


def conflict(kind: str, name: str, why: str) -> Failure:
    message = f'Operation cannot be fulfilled on {kind}.{GROUP} "{name}": {why}'
    return Failure(code=409, reason="Conflict", message=message, details={"name": name, "group": GROUP, "kind": kind})


def forbidden(kind: str, name: str, why: str) -> Failure:
    message = f'{kind}.{GROUP} "{name}" is forbidden: {why}'
    return Failure(code=403, reason="Forbidden", message=message, details={"name": name, "group": GROUP, "kind": kind})


def bad_request(why: str) -> Failure:
    return Failure(code=400, reason="BadRequest", message=why)


def internal_error(why: str) -> Failure:
    message = f"Internal error occurred: {why}"
    return Failure(code=500, reason="InternalError", message=message, details={"causes": [{"message": why}]})


def plain(failure: Failure) -> Failure:
    """The failure of an action that only reads: 500 and its text, as clients have seen it."""
    return Failure(code=500, reason="InternalError", message=failure.message, as_text=True)


def from_api(code: int, reason: str, message: str, body: dict[str, Any]) -> Failure:
    """The API server's own refusal, passed on."""
    details = body.get("details")
    return Failure(
        code=code if code >= 400 else 500,
        reason=reason or "InternalError",
        message=message,
        details=details if isinstance(details, dict) else {},
    )
