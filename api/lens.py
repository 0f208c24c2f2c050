"""The lens: read a raw object through a view, and write back only what changed.

The raw JSON object is the truth. `view` decodes the part of it that we understand; `edit` compares two views of one
object and gives the JSON Patch (RFC 6902) that turns the raw object into one whose view is the new one. The law, tested
as a property: afterwards the view is the new view, and every field that the view does not know is what it was, unless
the structure around it was taken away.

Nulls: an absent field and a null one are the same to us, except where a list must keep its items; `view` strips them
(null items of lists too), `encode` never writes one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from api.lens_diff import Operation, diff, plain
from api.lens_patch import PatchError, apply_patch
from api.view import View

__all__ = ["DecodeError", "Operation", "PatchError", "apply_patch", "edit", "encode", "strip_nulls", "view"]

V = TypeVar("V", bound=View)
Json = Any


class DecodeError(ValueError):
    """The raw object does not have the shape of the view; the message says where."""


def view(raw: Json, kind: type[V]) -> V:
    """What `kind` understands of `raw`. Raises DecodeError, and nothing else, for any JSON value."""
    try:
        return msgspec.convert(raw, kind)
    except (msgspec.ValidationError, RecursionError):
        pass  # nulls are the usual cause: strip them, which the common object does not need, and look again
    try:
        return msgspec.convert(strip_nulls(raw), kind)
    except msgspec.ValidationError as error:
        raise DecodeError(str(error)) from error
    except RecursionError as error:
        raise DecodeError("nested too deeply") from error


def edit(raw: dict[str, Json], old: V, new: V) -> list[Operation]:
    """The JSON Patch that makes `new` of `raw`, of which `old` is the view. Empty when nothing changed.

    Items of lists that have a name (or type, or uid) are changed one by one, each guarded by a `test` of that name, so
    that a concurrent change of their order fails the patch instead of hitting a neighbour.
    """
    return diff(raw, old, new, "")


def encode(value: View) -> dict[str, Json]:
    """The JSON object of a view, for objects that we create: camelCase, no nulls, no untouched defaults."""
    encoded: dict[str, Json] = plain(value)
    return encoded


def strip_nulls(value: Json) -> Json:
    """A copy without nulls, in objects and in lists, at any depth."""
    if isinstance(value, dict):
        return {key: strip_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [strip_nulls(item) for item in value if item is not None]
    return value
