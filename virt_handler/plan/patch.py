"""JSON patches of a VMI: only what changed, each change guarded by what it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from virt_model import labels
from virt_model.runner import ANNOTATION, Runner

Op = dict[str, Any]


def status_patch(
    vmi: dict[str, Any],
    new: dict[str, Any],
    labels: Mapping[str, str | None] = {},
    annotations: Mapping[str, str | None] = {},
) -> list[Op]:
    """Operations that turn `vmi["status"]` into `new` and set (None: remove) labels and annotations; empty when nothing
    changes.

    The object's uid is tested, and each field's old value, so that a patch from a stale cache fails as a whole.
    """
    old = vmi.get("status") or {}
    ops: list[Op] = []
    for key in sorted(old.keys() | new.keys()):
        path = f"/status/{_escaped(key)}"
        if key not in new:
            ops += [{"op": "test", "path": path, "value": old[key]}, {"op": "remove", "path": path}]
        elif key not in old:
            ops.append({"op": "add", "path": path, "value": new[key]})
        elif old[key] != new[key]:
            ops += [
                {"op": "test", "path": path, "value": old[key]},
                {"op": "replace", "path": path, "value": new[key]},
            ]
    ops += _metadata_ops(vmi, "labels", labels) + _metadata_ops(vmi, "annotations", annotations)
    if not ops:
        return []
    guard = [{"op": "test", "path": "/metadata/uid", "value": vmi["metadata"]["uid"]}]
    if "status" not in vmi:
        guard.append({"op": "add", "path": "/status", "value": {}})
    return guard + ops


def _metadata_ops(vmi: dict[str, Any], field: str, new: Mapping[str, str | None]) -> list[Op]:
    old = vmi["metadata"].get(field)
    ops: list[Op] = []
    if old is None and any(value is not None for value in new.values()):
        ops.append({"op": "add", "path": f"/metadata/{field}", "value": {}})
    old = old or {}
    for key, value in new.items():
        path = f"/metadata/{field}/{_escaped(key)}"
        if value is None and key in old:
            ops += [{"op": "test", "path": path, "value": old[key]}, {"op": "remove", "path": path}]
        elif value is not None and old.get(key) != value:
            ops.append({"op": "add", "path": path, "value": value})
    return ops


def runner_guard(vmi: dict[str, Any]) -> list[Op]:
    """Fails where the runner is another one by now: who knows only what was before a hand-over writes nothing."""
    annotations = vmi["metadata"].get("annotations")
    if annotations is None:
        return [{"op": "test", "path": "/metadata/annotations", "value": None}]
    path = f"/metadata/annotations/{_escaped(ANNOTATION)}"
    return [{"op": "test", "path": path, "value": annotations.get(ANNOTATION)}]


def announcement(vmi: dict[str, Any], migration_uid: str) -> list[Op]:
    """That a target's launcher answers; it fails where the VMI tells of another migration by now than it did."""
    status = vmi.get("status") or {}
    ops = status_patch(vmi, status, annotations={labels.TARGET_ANSWERS: migration_uid})
    unchanged = {"op": "test", "path": "/status/migrationState", "value": status.get("migrationState")}
    return [*runner_guard(vmi), unchanged, *ops]


def runner_patch(vmi: dict[str, Any], runner: Runner, annotations: Mapping[str, str] = {}) -> list[Op]:
    """Compare-and-swap of the runner: it fails unless the VMI is, in all, what it was when this was decided.

    `annotations` are set with it.
    """
    metadata = vmi["metadata"]
    ops: list[Op] = [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
    ]
    if not metadata.get("annotations"):
        ops.append({"op": "add", "path": "/metadata/annotations", "value": {}})
    new = {ANNOTATION: runner.annotation(), **annotations}
    return [
        *ops,
        *({"op": "add", "path": f"/metadata/annotations/{_escaped(key)}", "value": new[key]} for key in new),
    ]


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
