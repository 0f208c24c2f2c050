"""CustomResourceDefinitions, generated from the views. `python3 -m api.crd [KIND...]` prints them."""

from __future__ import annotations

from typing import Any

from api.crd.docs import class_doc, field_docs
from api.crd.kinds import DEPRECATED_VERSION, DEPRECATION_WARNING, GROUP, KINDS, STORED_VERSION, Column, Kind
from api.schema import Face, Schema, object_schema

__all__ = ["KINDS", "render"]


def render(kind: str) -> dict[str, Any]:
    """The CRD of a kind, such as `VirtualMachine`: apiextensions.k8s.io/v1, ready to apply.

    Raises KeyError for a kind that is not among KINDS. Every call gives a fresh dict.
    """
    row = KINDS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{row.plural}.{GROUP}", "labels": {row.label: ""}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": row.name,
                "plural": row.plural,
                "singular": row.name.lower(),
                "shortNames": list(row.short_names),
                "categories": ["all"],
            },
            "conversion": {"strategy": "None"},
            "versions": [
                {"name": STORED_VERSION, "served": True, "storage": True, **_version(row)},
                {
                    "name": DEPRECATED_VERSION,
                    "served": True,
                    "storage": False,
                    "deprecated": True,
                    "deprecationWarning": DEPRECATION_WARNING,
                    **_version(row),
                },
            ],
        },
    }


def _version(row: Kind) -> dict[str, Any]:
    version: dict[str, Any] = {
        "additionalPrinterColumns": [_column(column) for column in row.columns],
        "schema": {"openAPIV3Schema": _root_schema(row)},
    }
    if subresources := _subresources(row):
        version["subresources"] = subresources
    return version


def _root_schema(row: Kind) -> Schema:
    """The schema of the whole object; its metadata is the API server's own business."""
    schema = object_schema(row.view, Face.CRD, field_docs)
    schema["properties"]["metadata"] = {"type": "object"}
    return {"description": class_doc(row.view), **schema}


def _column(column: Column) -> dict[str, Any]:
    rendered: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.priority:
        rendered["priority"] = column.priority
    return rendered


def _subresources(row: Kind) -> dict[str, Any]:
    subresources: dict[str, Any] = {}
    if row.has_status:
        subresources["status"] = {}
    if row.scale is not None:
        wanted, current, selector = row.scale
        subresources["scale"] = {
            "specReplicasPath": wanted,
            "statusReplicasPath": current,
            "labelSelectorPath": selector,
        }
    return subresources
