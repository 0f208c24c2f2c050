"""JSON patches of a VMI's status: only what changed, each change guarded by what it was. Pure."""

from __future__ import annotations

from typing import Any

Op = dict[str, Any]


def status_patch(vmi: dict[str, Any], new: dict[str, Any]) -> list[Op]:
    """Operations that turn `vmi["status"]` into `new`; empty when nothing changes.

    The object's uid is tested, and each field's old value, so that a patch from a stale cache fails as a whole.
    """
    old = vmi.get("status") or {}
    ops: list[Op] = []
    for key in sorted(old.keys() | new.keys()):
        path = f"/status/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in new:
            ops += [{"op": "test", "path": path, "value": old[key]}, {"op": "remove", "path": path}]
        elif key not in old:
            ops.append({"op": "add", "path": path, "value": new[key]})
        elif old[key] != new[key]:
            ops += [
                {"op": "test", "path": path, "value": old[key]},
                {"op": "replace", "path": path, "value": new[key]},
            ]
    if not ops:
        return []
    guard = [{"op": "test", "path": "/metadata/uid", "value": vmi["metadata"]["uid"]}]
    if "status" not in vmi:
        guard.append({"op": "add", "path": "/status", "value": {}})
    return guard + ops
