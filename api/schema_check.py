"""Checks raw objects against the published OpenAPI schema, as the mutating webhooks do before anything else.

The messages are those of the go-openapi validator that upstream runs, word for word where they were recorded, because
clients show them: `spec.template in body is required`, `spec.dnsPolicy in body should be one of [...]`. Its habits:

- only `spec` is looked at, and a missing one is both missing and of the wrong type;
- indexes of lists are left out of paths, and unknown fields are nobody's business;
- a required string, number or boolean may be missing, because the typed object that upstream writes back has it as
  zero. `fill_required` does that writing: call it after a clean check and before `api.lens.view`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from api.crd.kinds import KINDS
from api.schema import Face, Schema, object_schema
from api.time import InvalidTime, parse_time

Json = Any

_ZERO = {"string": "", "integer": 0, "number": 0, "boolean": False}


def check(kind: str, raw: Json) -> list[str]:
    """What is wrong with the spec of a raw object, in order of field; empty when nothing is.

    Never raises for any JSON value. Raises KeyError for a kind that is not ours.
    """
    schema = _spec_schema(kind)
    if not isinstance(raw, dict) or "spec" not in raw:
        return ["spec in body is required", *_check(schema, None, "spec")]
    return _check(schema, raw["spec"], "spec")


def fill_required(kind: str, raw: Json) -> Json:
    """A copy of a checked raw object in which missing required strings, numbers and booleans of its spec are zero."""
    if not isinstance(raw, dict) or "spec" not in raw:
        return raw
    return {**raw, "spec": _filled(_spec_schema(kind), raw["spec"])}


@cache
def _spec_schema(kind: str) -> Schema:
    schema: Schema = object_schema(KINDS[kind].view, Face.ADMISSION)["properties"]["spec"]
    return schema


def _check(schema: Schema, value: Json, path: str) -> list[str]:
    problems = _type_problems(schema, value, path)
    if isinstance(value, str) and schema.get("format") == "date-time" and not _is_time(value):
        problems.append(f'{path} in body must be of type date-time: "{value}"')
    if isinstance(value, list) and "items" in schema:
        for item in value:
            problems += _check(schema["items"], item, path)
    if "enum" in schema and value not in schema["enum"]:
        problems.append(f"{path} in body should be one of [{' '.join(schema['enum'])}]")
    if isinstance(value, dict):
        problems += _object_problems(schema, value, path)
    return problems


def _object_problems(schema: Schema, value: dict[str, Json], path: str) -> list[str]:
    problems: list[str] = []
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for key in sorted(value):
        if key in properties:
            problems += _check(properties[key], value[key], f"{path}.{key}")
        elif others is not None:
            problems += _check(others, value[key], f"{path}.{key}")
    missing = (key for key in schema.get("required", ()) if key not in value and not _has_zero(properties[key]))
    return problems + [f"{path}.{key} in body is required" for key in missing]


def _type_problems(schema: Schema, value: Json, path: str) -> list[str]:
    wanted = schema.get("type")
    if wanted is None:
        return []
    names = wanted if isinstance(wanted, list) else [wanted]
    actual = _type_of(value)
    if actual in names or (actual == "integer" and "number" in names):
        return []
    if actual in ("null", "string", "array") or "format" not in schema:
        return [f'{path} in body must be of type {",".join(names)}: "{actual}"']
    shown = "float64" if actual == "number" else ""
    return [f'{path} in body must be of type {schema["format"]}: "{shown}"']


def _type_of(value: Json) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case list():
            return "array"
        case _:
            return "object"


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except InvalidTime:
        return False
    return True


def _has_zero(schema: Schema) -> bool:
    return isinstance(schema.get("type"), str) and schema["type"] in _ZERO


def _filled(schema: Schema, value: Json) -> Json:
    if isinstance(value, list) and "items" in schema:
        return [_filled(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", {})
    filled = {key: _filled(properties.get(key, others), item) for key, item in value.items()}
    for key in schema.get("required", ()):
        if key not in filled and _has_zero(properties[key]):
            filled[key] = _ZERO[properties[key]["type"]]
    return filled
