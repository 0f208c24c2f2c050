"""What a schema says beyond a field's type: formats, enums, caps and list semantics, as `Annotated` marks.

A mark has two faces, because upstream publishes two schemas: the CRD that the API server enforces, and the OpenAPI
document that the admission webhooks check raw objects against (`api.schema_check`). They differ in places a client can
see: the CRD knows `rebootPolicy`'s values, the OpenAPI document those of `dnsPolicy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

Keywords = Mapping[str, Any]
_NOTHING: Keywords = {}


class Mark:
    """Schema keywords of one field or class: `crd` for the CRD, `admission` for the webhook's check."""

    __slots__ = ("admission", "crd")

    def __init__(self, both: Keywords = _NOTHING, *, crd: Keywords = _NOTHING, admission: Keywords = _NOTHING) -> None:
        self.crd = {**both, **crd}
        self.admission = {**both, **admission}


def crd_enum(*values: str) -> Mark:
    """The values the API server accepts."""
    return Mark(crd={"enum": list(values)})


def admission_enum(*values: str) -> Mark:
    """The values the admission webhook accepts, in the order its message lists them (sorted)."""
    return Mark(admission={"enum": list(values)})


def map_list(*keys: str) -> Mark:
    """A list whose items are one per value of `keys`; server-side apply merges it item by item."""
    return Mark({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})


def capped(items: int) -> Mark:
    """A list of at most `items` items."""
    return Mark(crd={"maxItems": items})


def default(value: object) -> Mark:
    """The value the API server stores when the field is absent."""
    return Mark(crd={"default": value})


ATOMIC_LIST = Mark({"x-kubernetes-list-type": "atomic"})
SET_LIST = Mark({"x-kubernetes-list-type": "set"})
ATOMIC_MAP = Mark({"x-kubernetes-map-type": "atomic"})
NULLABLE = Mark(crd={"nullable": True})
OPEN = Mark(crd={"x-kubernetes-preserve-unknown-fields": True})
# An object inside which the CRD declares nothing and keeps everything.
OPAQUE = Mark(crd={"nullable": True, "x-kubernetes-preserve-unknown-fields": True, "opaque": True})
UINT32_RANGE = Mark(crd={"minimum": 0, "maximum": 4294967295})

# Integers, by how upstream declares them (the two schemas name different formats).
Int = Annotated[int, Mark(admission={"format": "int32"})]
Int32 = Annotated[int, Mark({"format": "int32"})]
Int64 = Annotated[int, Mark({"format": "int64"})]
UInt32 = Annotated[int, Mark(crd={"format": "int32"}, admission={"format": "int64"})]
UInt8 = Annotated[int, Mark(admission={"format": "byte"})]
Float = Annotated[float, Mark(admission={"format": "float"})]

Time = Annotated[str, Mark({"format": "date-time"})]
"""RFC 3339 with seconds, UTC; `api.time` formats and parses it."""

NullableTime = Annotated[str | None, Mark({"nullable": True}, crd={"format": "date-time"})]
"""A time whose zero is written as null."""

PullPolicy = Annotated[str, admission_enum("Always", "IfNotPresent", "Never")]
"""When an image is fetched: Always, IfNotPresent or Never."""
