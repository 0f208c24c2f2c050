"""JSON Patches from an object as it was seen and as it shall be.

Two guards exist. Where one controller owns the object, the patch pins the resourceVersion: any change in between makes
the API answer 409. Where several write (a VMI that virt-handler runs), it tests the value of each field that it
replaces, so that unrelated changes do not get in the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_MISSING: Any = object()


def pinned(old: Json, new: Json) -> list[Json]:
    """Operations from `old` to `new`, valid only for the very version that was seen. Empty when nothing changes."""
    ops = [op for path, before, after in _changes(old, new, "") for op in _ops(path, before, after)]
    if not ops:
        return []
    version = {"op": "replace", "path": "/metadata/resourceVersion", "value": old["metadata"]["resourceVersion"]}
    return [version, *ops]


def tested(old: Json, new: Json, also: tuple[str, ...] = ()) -> list[Json]:
    """Operations from `old` to `new`, valid while what they replace, the UID and the fields `also` are as seen.

    `also` are paths like `/status/phase`.
    """
    changes = list(_changes(old, new, ""))
    if not changes:
        return []
    replaced = {path: before for path, before, _ in changes if before is not _MISSING}
    also_seen = {path: value for path in also if (value := _at(old, path)) is not _MISSING}
    expected = {"/metadata/uid": old["metadata"]["uid"], **also_seen, **replaced}
    tests = [{"op": "test", "path": path, "value": value} for path, value in expected.items()]
    return [*tests, *(op for path, before, after in changes for op in _ops(path, before, after))]


def _changes(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """(path, before, after) for each value that differs; objects are compared member by member, lists as a whole."""
    if old is new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _changes(old.get(key, _MISSING), new.get(key, _MISSING), f"{path}/{_escape(key)}")
    elif old != new or type(old) is not type(new):
        yield path, old, new


def _ops(path: str, before: Any, after: Any) -> Iterator[Json]:
    if after is _MISSING:
        yield {"op": "remove", "path": path}
    else:
        yield {"op": "add" if before is _MISSING else "replace", "path": path, "value": after}


def _at(obj: Any, path: str) -> Any:
    for step in path.split("/")[1:]:
        if not isinstance(obj, dict) or step not in obj:
            return _MISSING
        obj = obj[step]
    return obj


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
