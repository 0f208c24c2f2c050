"""CustomResourceDefinitions, generated from the views. `python3 -m api.crd [KIND...]` prints them."""

from __future__ import annotations

from typing import Any

from api.crd.docs import class_doc, field_docs
from api.crd.kinds import KINDS, Column, Kind, Version
from api.schema import Face, Schema, object_schema

__all__ = ["KINDS", "render"]


def render(kind: str) -> dict[str, Any]:
    """The CRD of a kind, such as `VirtualMachine`: apiextensions.k8s.io/v1, ready to apply.

    Raises KeyError for a kind that is not among KINDS. Every call gives a fresh dict.
    """
    row = KINDS[kind]
    names: dict[str, Any] = {"kind": row.name, "plural": row.plural, "singular": row.name.lower()}
    names |= {"shortNames": list(row.short_names)} if row.short_names else {}
    names |= {"categories": ["all"]} if row.in_all else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{row.plural}.{row.group.name}", "labels": {row.label: ""}},
        "spec": {
            "group": row.group.name,
            "scope": "Namespaced" if row.namespaced else "Cluster",
            "names": names,
            "conversion": {"strategy": "None"},
            "versions": [_version(row, version) for version in row.group.versions],
        },
    }


def _version(row: Kind, version: Version) -> dict[str, Any]:
    rendered: dict[str, Any] = {"name": version.name, "served": True, "storage": version.stored}
    if version.warning:
        rendered |= {"deprecated": True, "deprecationWarning": version.warning}
    if row.columns:
        rendered["additionalPrinterColumns"] = [_column(column) for column in row.columns]
    rendered["schema"] = {"openAPIV3Schema": _root_schema(row)}
    if subresources := _subresources(row):
        rendered["subresources"] = subresources
    return rendered


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
