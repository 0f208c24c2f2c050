"""The generated schemas against the published ones: every field, every type, every keyword."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.crd import KINDS, render
from api.schema import Face, object_schema
from tests.unit.api.upstream import crd, definitions, needs_upstream, published

pytestmark = needs_upstream
DESCENT = ("properties", "items", "additionalProperties", "description")
Difference = tuple[str, str, Any, Any]
#: where the published document contradicts the published CRD, which the API server enforces
MISTAKEN = {
    ("VirtualMachinePool", ".spec.maxUnavailable"),  # a number is accepted too
    ("VirtualMachineBackup", ".status.conditions[].lastProbeTime"),  # another Condition of the same name
    ("VirtualMachineBackup", ".status.conditions[].lastTransitionTime"),
}


def descend(ours: Any, theirs: Any, keywords: set[str] | None, path: str = "") -> Iterator[Difference]:
    """Differences of two schemas: (path, what, ours, theirs). `keywords` None compares all of them."""
    for word in sorted((ours.keys() | theirs.keys()) - set(DESCENT) if keywords is None else keywords):
        left, right = ours.get(word), theirs.get(word)
        if word == "required":
            left, right = sorted(left or []), sorted(right or [])
        if left != right:
            yield path, word, left, right
    mine, other = ours.get("properties", {}), theirs.get("properties", {})
    for name in sorted(mine.keys() | other.keys()):
        if name not in mine or name not in other:
            yield f"{path}.{name}", "field", name in mine, name in other
        else:
            yield from descend(mine[name], other[name], keywords, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        left, right = ours.get(inner), theirs.get(inner)
        if isinstance(left, dict) and isinstance(right, dict):
            yield from descend(left, right, keywords, f"{path}[]")
        elif isinstance(left, dict) or isinstance(right, dict):
            yield path, inner, left, right


def resolved(schema: Any, table: dict[str, Any]) -> Any:
    """A published schema with its references followed."""
    if "$ref" in schema:
        return resolved(table[schema["$ref"].rpartition("/")[2]], table)
    copy = dict(schema)
    if "properties" in copy:
        copy["properties"] = {name: resolved(item, table) for name, item in copy["properties"].items()}
    for inner in ("items", "additionalProperties"):
        if isinstance(copy.get(inner), dict):
            copy[inner] = resolved(copy[inner], table)
    return copy


@pytest.mark.parametrize("kind", KINDS)
def test_admission_schema_is_the_published_openapi(kind: str) -> None:
    stored = next(version.name for version in KINDS[kind].group.versions if version.stored)
    table = definitions()
    name = next((each for each in (f"{stored}.{kind}", f"v1.{kind}") if each in table), "")
    if not name:
        pytest.skip(f"{kind} is not in the published document")
    theirs = resolved({"$ref": f"#/definitions/{name}"}, table)
    words = {"type", "format", "enum", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
    found = descend(object_schema(KINDS[kind].view, Face.ADMISSION), theirs, words)
    unknown = [each for each in found if (kind, each[0]) not in MISTAKEN]
    assert [each for each in unknown if each[:2] != (".status", "type")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_crd_schema_has_every_keyword_of_the_published_one(kind: str) -> None:
    ours, theirs = render(kind)["spec"]["versions"], crd(kind)["spec"]["versions"]
    for mine, other in zip(ours, theirs, strict=True):
        found = descend(mine["schema"]["openAPIV3Schema"], other["schema"]["openAPIV3Schema"], None)
        assert list(found) == []


@pytest.mark.parametrize("kind", KINDS)
def test_names_columns_and_subresources_are_the_published_ones(kind: str) -> None:
    ours, theirs = render(kind), crd(kind)
    assert ours["metadata"] == theirs["metadata"]
    assert {key: ours["spec"][key] for key in ("group", "scope", "names")} == {
        key: theirs["spec"][key] for key in ("group", "scope", "names")
    }
    for mine, other in zip(ours["spec"]["versions"], theirs["spec"]["versions"], strict=True):
        mine.pop("schema"), other.pop("schema")
        assert mine == other


def test_the_comparison_sees_a_difference() -> None:
    """So that the three tests above cannot pass by looking away."""
    ours = object_schema(KINDS["VirtualMachine"].view, Face.CRD)
    theirs = object_schema(KINDS["VirtualMachine"].view, Face.CRD)
    domain = theirs["properties"]["spec"]["properties"]["template"]["properties"]["spec"]["properties"]["domain"]
    domain["properties"]["cpu"]["properties"]["cores"]["type"] = "string"
    domain["properties"]["memory"]["properties"].pop("guest")
    assert {where.rpartition(".")[2]: what for where, what, _, _ in descend(ours, theirs, None)} == {
        "cores": "type",
        "guest": "field",
    }


def test_no_description_is_the_published_one() -> None:
    theirs = texts(definitions()) | {text for kind in KINDS if published(kind) for text in texts(crd(kind))}
    if not theirs:
        pytest.skip("the published schemas that are here have no descriptions")
    assert {text for kind in KINDS for text in texts(render(kind))} & theirs == set()


def test_descriptions_are_found_wherever_they_stand() -> None:
    assert texts({"a": [{"description": "One.", "properties": {"description": {"description": "Two."}}}]}) == {
        "One.",
        "Two.",
    }


def texts(schema: Any) -> set[str]:
    """All descriptions in a schema."""
    if isinstance(schema, list):
        return {text for item in schema for text in texts(item)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["description"]} if isinstance(schema.get("description"), str) else set()
    return own | {text for item in schema.values() for text in texts(item)}
