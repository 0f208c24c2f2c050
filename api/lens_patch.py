"""JSON Patch (RFC 6902), applied purely: the four operations that we write, on a copy.

As the API server has it, a member that is not there passes a `test` for null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

Json = Any
_OPERATIONS = ("add", "remove", "replace", "test")


class PatchError(ValueError):
    """An operation does not fit the document: no such place, or a `test` that failed; the message says which."""


def apply_patch(document: Json, operations: Iterable[Mapping[str, Json]]) -> Json:
    """The patched copy of a document. Raises PatchError; the document itself is never changed."""
    root = {"": deepcopy(document)}
    for operation in operations:
        kind, path = operation.get("op"), operation.get("path")
        if kind not in _OPERATIONS or not isinstance(path, str):
            raise PatchError(f"not an operation of ours: {kind!r} at {path!r}")
        holder, key = _locate(root, path)
        _perform(str(kind), holder, key, operation.get("value"), path)
    return root[""]


def _locate(root: Json, path: str) -> tuple[Json, str]:
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")]
    if tokens[0]:
        raise PatchError(f"a path begins with a slash: {path!r}")
    holder = root
    for token in tokens[:-1]:
        holder = _get(holder, token, path)
    return holder, tokens[-1]


def _perform(kind: str, holder: Json, key: str, value: Json, path: str) -> None:
    if kind == "test" and value is None and isinstance(holder, dict) and key not in holder:
        return
    if kind == "test":
        if not _same(_get(holder, key, path), value):
            raise PatchError(f"test failed at {path!r}")
    elif kind == "add" and isinstance(holder, list):
        holder.insert(len(holder) if key == "-" else _index(key, len(holder) + 1, path), deepcopy(value))
    elif kind == "add" and isinstance(holder, dict):
        holder[key] = deepcopy(value)
    else:
        _get(holder, key, path)
        place = int(key) if isinstance(holder, list) else key
        if kind == "replace":
            holder[place] = deepcopy(value)
        else:
            del holder[place]


def _get(holder: Json, token: str, path: str) -> Json:
    if isinstance(holder, dict) and token in holder:
        return holder[token]
    if isinstance(holder, list):
        return holder[_index(token, len(holder), path)]
    raise PatchError(f"no such place: {path!r}")


def _index(token: str, size: int, path: str) -> int:
    if not (token.isascii() and token.isdigit() and len(token) < 10 and int(token) < size):
        raise PatchError(f"no such index: {path!r}")
    return int(token)


def _same(left: Json, right: Json) -> bool:
    """JSON equality: true is not 1, though Python says so."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right)
