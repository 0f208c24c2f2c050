"""What a CRD must be to be accepted and to be useful, checked without a cluster."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from api.crd import KINDS, render
from api.crd.docs import class_doc, field_docs
from api.layout import layout
from api.schema import unwrap
from api.view import View
from tests.unit.api.strategies import hints_of

APPLY_LIMIT = 262_144  # bytes of the annotation in which client-side apply keeps the whole object
LONGEST_DOC = 160


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from nodes(schema[word], f"{path}[]")


def classes(kind: type[View], seen: set[type[View]]) -> set[type[View]]:
    """The view class and all that it holds."""
    seen.add(kind)
    for hint in hints_of(kind).values():
        for inner in _held(hint):
            if inner not in seen:
                classes(inner, seen)
    return seen


def _held(hint: Any) -> Iterator[type[View]]:
    bare, _ = unwrap(hint)
    if isinstance(bare, type) and issubclass(bare, View):
        yield bare
    for argument in getattr(bare, "__args__", ()):
        yield from _held(argument)


def every_class() -> list[type[View]]:
    found: set[type[View]] = set()
    for row in KINDS.values():
        classes(row.view, found)
    return sorted(found, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_structural(kind: str) -> None:
    for version in render(kind)["spec"]["versions"]:
        for path, node in nodes(version["schema"]["openAPIV3Schema"]):
            open_ended = node.get("x-kubernetes-int-or-string") or node.get("x-kubernetes-preserve-unknown-fields")
            assert "type" in node or open_ended, path
            assert not ({"properties", "additionalProperties"} <= node.keys()), path
            assert "items" in node or node.get("type") != "array", path
            assert set(node.get("required", ())) <= node.get("properties", {}).keys(), path
            for key in node.get("x-kubernetes-list-map-keys", ()):
                assert key in node["items"]["required"], f"{path}: list key {key} is not required"


@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_into_the_annotation_of_client_side_apply(kind: str) -> None:
    assert len(json.dumps(render(kind))) < APPLY_LIMIT * 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_is_served_and_one_is_stored(kind: str) -> None:
    versions = render(kind)["spec"]["versions"]
    assert all(each["served"] for each in versions)
    assert sum(each["storage"] for each in versions) == 1
    assert all(each.get("deprecationWarning") for each in versions if each.get("deprecated"))


@pytest.mark.parametrize("kind", ["VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceReplicaSet"])
def test_the_old_version_warns(kind: str) -> None:
    stored, old = render(kind)["spec"]["versions"]
    assert (stored["name"], stored["storage"], "deprecated" in stored) == ("v1", True, False)
    assert old["deprecationWarning"].startswith("kubevirt.io/v1alpha3 is now deprecated")


def test_every_field_and_class_is_described_in_one_short_text() -> None:
    assert len(every_class()) > 200
    for kind in every_class():
        described = field_docs(kind)
        for slot in layout(kind):
            text = described.get(slot.attribute, "")
            assert 0 < len(text) <= LONGEST_DOC, f"{kind.__name__}.{slot.attribute}: {text!r}"
            assert text.endswith("."), f"{kind.__name__}.{slot.attribute}"
        assert class_doc(kind), kind.__name__


@pytest.mark.parametrize("kind", KINDS)
def test_kubectl_explain_has_a_text_for_every_field(kind: str) -> None:
    """Of the whole rendered schema, whatever made it. The API server describes an object's own metadata itself."""
    for version in render(kind)["spec"]["versions"]:
        fields = [each for each in nodes(version["schema"]["openAPIV3Schema"]) if not each[0].endswith("[]")]
        assert [path for path, node in fields if not node.get("description")] == [".metadata"]
        assert len(fields) > 15


def test_the_attribute_names_are_the_wire_names_in_snake_case() -> None:
    for kind in every_class():
        for slot in layout(kind):
            assert slot.wire.lower() == slot.attribute.replace("_", "").lower(), f"{kind.__name__}.{slot.attribute}"


def test_each_call_renders_a_fresh_object() -> None:
    first = render("VirtualMachine")
    first["spec"]["versions"][0]["schema"].clear()
    assert "openAPIV3Schema" in render("VirtualMachine")["spec"]["versions"][0]["schema"]


def test_the_command_prints_a_list_and_refuses_a_stranger() -> None:
    good = subprocess.run(
        [sys.executable, "-m", "api.crd", "KubeVirt"], capture_output=True, text=True, timeout=60, check=True
    )
    assert [item["metadata"]["name"] for item in json.loads(good.stdout)["items"]] == ["kubevirts.kubevirt.io"]
    bad = subprocess.run([sys.executable, "-m", "api.crd", "Pod"], capture_output=True, text=True, timeout=60)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "no such kind: Pod" in bad.stderr
