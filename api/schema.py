"""From a view class to its OpenAPI schema.

A schema has two faces, for the two that upstream publishes (see `api.marks`): CRD is the structural schema the API
server enforces, ADMISSION what the webhooks check raw objects against. Types come from the annotations, everything else
from the marks; a field without default is required.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any

from api.layout import REQUIRED, layout
from api.marks import Mark
from api.view import View

Schema = dict[str, Any]
Docs = Callable[[type[View]], Mapping[str, str]]
"""Gives the description of each attribute of a view class."""


class Face(Enum):
    """Which of the two schemas is meant."""

    CRD = "crd"
    ADMISSION = "admission"


QUANTITY_PATTERN = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_INT_OR_STRING: Schema = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
_UNIONS: dict[frozenset[type], dict[Face, Schema]] = {
    frozenset({str, int, float}): {
        Face.CRD: {**_INT_OR_STRING, "pattern": QUANTITY_PATTERN},
        Face.ADMISSION: {"type": ["string", "integer", "number"]},
    },
    frozenset({str, int}): {Face.CRD: _INT_OR_STRING, Face.ADMISSION: {"type": ["string", "number"]}},
}
_SCALARS = {str: "string", bool: "boolean", int: "integer", float: "number"}


def no_docs(_kind: type[View]) -> Mapping[str, str]:
    """A schema without descriptions."""
    return {}


def object_schema(kind: type[View], face: Face, docs: Docs = no_docs) -> Schema:
    """The schema of a view class: an object with its properties, in order of name."""
    hints = typing.get_type_hints(kind, include_extras=True)
    described = docs(kind)
    properties = {
        slot.wire: _described(type_schema(hints[slot.attribute], face, docs), described.get(slot.attribute))
        for slot in layout(kind)
    }
    schema: Schema = {"type": "object"}
    if properties:
        schema["properties"] = dict(sorted(properties.items()))
    if required := sorted(slot.wire for slot in layout(kind) if slot.default is REQUIRED):
        schema["required"] = required
    return {**schema, **_keywords(getattr(kind, "schema_mark", None), face)}


def type_schema(hint: Any, face: Face, docs: Docs = no_docs) -> Schema:
    """The schema of one annotation, such as `Annotated[tuple[Disk, ...], capped(256)]`."""
    bare, marks = unwrap(hint)
    keywords: Schema = {}
    for mark in marks:
        keywords |= _keywords(mark, face)
    if keywords.pop("opaque", False):
        return {"type": "object", **keywords}
    schema = {**_bare_schema(bare, face, docs), **keywords}
    if face is Face.ADMISSION and schema.pop("nullable", False):
        schema["type"] = [schema["type"], "null"]
    return schema


def unwrap(hint: Any) -> tuple[Any, list[Mark]]:
    """An annotation without Annotated and without None, and the marks found on the way, outermost last."""
    if typing.get_origin(hint) is Annotated:
        inner, *extras = typing.get_args(hint)
        bare, marks = unwrap(inner)
        return bare, marks + [extra for extra in extras if isinstance(extra, Mark)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        if len(members) == 1:
            return unwrap(members[0])
        return frozenset(members), []
    return hint, []


def _bare_schema(bare: Any, face: Face, docs: Docs) -> Schema:
    if isinstance(bare, frozenset):
        return dict(_UNIONS[bare][face])
    if bare is Any:
        return {}
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin is tuple:
        return {"type": "array", "items": type_schema(arguments[0], face, docs)}
    if origin is dict:
        values = type_schema(arguments[1], face, docs)
        return {"type": "object", **({"additionalProperties": values} if values else {})}
    if issubclass(bare, View):
        return object_schema(bare, face, docs)
    return {"type": _SCALARS[bare]}


def _keywords(mark: Mark | None, face: Face) -> Schema:
    if mark is None:
        return {}
    return dict(mark.crd if face is Face.CRD else mark.admission)


def _described(schema: Schema, text: str | None) -> Schema:
    return {"description": text, **schema} if text else schema
