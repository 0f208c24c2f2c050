"""`customizeComponents.patches`: users' changes to what we render, applied before anything else looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from api import lens

from .settings import Patch

Json = dict[str, Any]

#: lists whose entries strategic merge tells apart by a key; all other lists are replaced
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "ports": "containerPort",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
}


class PatchError(Exception):
    """A patch that does not fit its object: the message names both."""


def patched(body: Json, patches: Sequence[Patch]) -> Json:
    for patch in patches:
        if patch.kind.lower() == body["kind"].lower() and patch.name == body["metadata"]["name"]:
            body = _apply(body, patch)
    return body


def _apply(body: Json, patch: Patch) -> Json:
    try:
        result = _changed(body, patch.type, msgspec.json.decode(patch.patch.encode()))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise PatchError(
            f"customizeComponents: the patch of {patch.kind} {patch.name} does not apply: {error}"
        ) from error
    if not isinstance(result, dict) or result.get("kind") != body["kind"]:
        raise PatchError(f"customizeComponents: the patch of {patch.kind} {patch.name} changes what the object is")
    return result


def _changed(body: Json, kind: str, change: Any) -> Any:
    if kind == "json" and isinstance(change, list):
        return lens.apply_patch(body, change)
    if kind == "merge" and isinstance(change, dict):
        return merge(body, change)
    if kind == "strategic" and isinstance(change, dict):
        return strategic(body, change)
    raise ValueError(f"type {kind!r} must be json with a list of operations, or merge or strategic with an object")


def merge(present: Json, change: Json) -> Json:
    """RFC 7396."""
    result = dict(present)
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            old = result.get(key)
            result[key] = merge(old if isinstance(old, dict) else {}, value)
        else:
            result[key] = value
    return result


def strategic(present: Json, change: Json) -> Json:
    """Kubernetes' strategic merge, with the list keys of pod templates and the `$patch` directives."""
    if change.get("$patch") == "replace":
        return {key: value for key, value in change.items() if key != "$patch"}
    result = dict(present)
    for key, value in change.items():
        old = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = strategic(old if isinstance(old, dict) else {}, value)
        elif isinstance(value, list) and key in MERGE_KEYS and isinstance(old, list):
            result[key] = _merged_list(old, value, MERGE_KEYS[key])
        else:
            result[key] = value
    return result


def _merged_list(present: list[Json], change: list[Json], key: str) -> list[Json]:
    result = [*present]
    for entry in change:
        if entry.get("$patch") == "replace":
            return [each for each in change if "$patch" not in each]
        place = next((index for index, each in enumerate(result) if each.get(key) == entry.get(key)), None)
        if entry.get("$patch") == "delete":
            result = [each for index, each in enumerate(result) if index != place]
        elif place is None:
            result.append(entry)
        else:
            result[place] = strategic(result[place], entry)
    return result
