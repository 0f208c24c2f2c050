"""What a caller wants to do, in the words of a SubjectAccessReview.

A subresource's name is everything behind the object's name (`vnc/screenshot`); the verb follows the HTTP method.
"""

from __future__ import annotations

from typing import Any

import msgspec

from virt_api.plan.discovery import GROUP

_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a subresource."""

    method: str
    version: str
    namespace: str
    resource: str
    name: str
    subresource: str

    @property
    def kind(self) -> str:
        """The resource in the singular, as errors call it."""
        return self.resource.removesuffix("s")


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, as the front proxy vouches."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = {}


def review(call: Call, caller: Caller) -> dict[str, Any]:
    """The SubjectAccessReview that asks whether the caller may."""
    spec: dict[str, Any] = {
        "user": caller.user,
        "groups": list(caller.groups),
        "extra": caller.extra,
        "resourceAttributes": {
            "namespace": call.namespace,
            "verb": _VERBS.get(call.method, call.method.lower()),
            "group": GROUP,
            "version": call.version,
            "resource": call.resource,
            "subresource": call.subresource,
            "name": call.name,
        },
    }
    if caller.uid:
        spec["uid"] = caller.uid
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}


def denial(answer: dict[str, Any]) -> str | None:
    """Why the answer means no; None where it means yes."""
    status = answer.get("status") or {}
    if status.get("allowed") is True and status.get("denied") is not True:
        return None
    return str(status.get("reason") or "not allowed")
