"""From two views of one raw object to the JSON Patch between them.

The walk follows the views, and looks at the raw object only to know what is there: a field that is missing is added,
one that is there is replaced, and an unknown one is never named. Three rules for lists:

- items appended at the end are added there;
- items with a key of their own (name, type, uid) are edited in place, each after a `test` of its key;
- otherwise the list is replaced whole after a `test` of what it was; its items keep the unknown fields of the items
  they stem from.
"""

from __future__ import annotations

from typing import Any

from api.field_path import escape
from api.layout import Slot, is_absent, layout
from api.lens_patch import apply_patch
from api.view import View

Json = Any
Operation = dict[str, Json]

# Fields that identify an item among its siblings, best first.
_KEYS = ("name", "type", "uid", "volume_name")


def diff(raw: Json, old: View, new: View, path: str) -> list[Operation]:
    """Operations that make `new` of `raw`, an object whose view is `old`, found at the JSON Pointer `path`."""
    operations: list[Operation] = []
    for slot in layout(type(new)):
        before, after = getattr(old, slot.attribute), getattr(new, slot.attribute)
        if not _equal(before, after):
            operations += _field(raw, slot, before, after, f"{path}/{slot.wire}")
    return operations


def _field(raw: Json, slot: Slot, before: Any, after: Any, place: str) -> list[Operation]:
    present = slot.wire in raw
    held = raw.get(slot.wire)
    if isinstance(after, View) and isinstance(before, View) and isinstance(held, dict):
        return diff(held, before, after, place)
    if is_absent(after, slot):
        return [{"op": "remove", "path": place}] if present else []
    if isinstance(after, tuple) and isinstance(before, tuple) and isinstance(held, list):
        return _list(held, before, after, place)
    if isinstance(after, dict) and isinstance(before, dict) and isinstance(held, dict):
        return _map(held, before, after, place)
    return [{"op": "replace" if present else "add", "path": place, "value": plain(after)}]


def _map(held: dict[str, Json], before: dict[str, Any], after: dict[str, Any], place: str) -> list[Operation]:
    operations: list[Operation] = []
    for key in sorted(before.keys() | after.keys()):
        spot = f"{place}/{escape(key)}"
        if key not in after:
            operations += [{"op": "remove", "path": spot}] if key in held else []
        elif key not in before or not _equal(before[key], after[key]):
            operations += _map_value(held.get(key), before.get(key), after[key], spot, present=key in held)
    return operations


def _map_value(held: Json, before: Any, after: Any, spot: str, *, present: bool) -> list[Operation]:
    if isinstance(held, dict) and isinstance(before, View) and isinstance(after, View):
        return diff(held, before, after, spot)
    return [{"op": "replace" if present else "add", "path": spot, "value": plain(after)}]


def _list(held: list[Json], before: tuple[Any, ...], after: tuple[Any, ...], place: str) -> list[Operation]:
    if len(held) == len(before) and _equal(before, after[: len(before)]):
        return [{"op": "add", "path": f"{place}/-", "value": plain(item)} for item in after[len(before) :]]
    keyed = _by_key(held, before, after, place)
    if keyed is not None:
        return keyed
    return [
        {"op": "test", "path": place, "value": held},
        {"op": "replace", "path": place, "value": _rebuilt(held, before, after)},
    ]


def _by_key(held: list[Json], before: tuple[Any, ...], after: tuple[Any, ...], place: str) -> list[Operation] | None:
    """Item by item, or None where keys are missing or not unique, or the order of items changes."""
    slot = _key_slot(after or before)
    if slot is None:
        return None
    old = {getattr(item, slot.attribute): item for item in before}
    new = {getattr(item, slot.attribute): item for item in after}
    here = [item.get(slot.wire) if isinstance(item, dict) else None for item in held]
    staying = [key for key in here if key in new] if here == list(old) else None
    if len(new) != len(after) or staying is None or list(new)[: len(staying)] != staying:
        return None
    if not all(isinstance(key, str) and key for key in old.keys() | new.keys()):
        return None
    edits: list[Operation] = []
    for index, key in enumerate(here):
        if key in new and not _equal(old[key], new[key]):
            edits.append({"op": "test", "path": f"{place}/{index}/{slot.wire}", "value": key})
            edits += diff(held[index], old[key], new[key], f"{place}/{index}")
    for index, key in reversed(list(enumerate(here))):
        if key not in new:
            edits.append({"op": "test", "path": f"{place}/{index}/{slot.wire}", "value": key})
            edits.append({"op": "remove", "path": f"{place}/{index}"})
    added = (item for key, item in new.items() if key not in old)
    return edits + [{"op": "add", "path": f"{place}/-", "value": plain(item)} for item in added]


def _rebuilt(held: list[Json], before: tuple[Any, ...], after: tuple[Any, ...]) -> list[Json]:
    """The new list, each item grown from the old one it stems from."""
    known = [item for item in held if item is not None]
    if len(known) != len(before):
        return [plain(item) for item in after]
    grown: list[Json] = []
    for item, origin in zip(after, _origins(before, after), strict=True):
        if origin is None or not isinstance(item, View) or not isinstance(known[origin], dict):
            grown.append(plain(item))
        else:
            grown.append(apply_patch(known[origin], diff(known[origin], before[origin], item, "")))
    return grown


def _origins(before: tuple[Any, ...], after: tuple[Any, ...]) -> list[int | None]:
    """For each new item the old one it stems from: by key where there are keys, else by value, else by position."""
    slot = _key_slot(after)
    keys = [getattr(item, slot.attribute) for item in before] if slot is not None else []
    if slot is not None and all(keys) and len(set(keys)) == len(keys):
        wanted = [getattr(item, slot.attribute) for item in after]
        return [keys.index(key) if key in keys else None for key in wanted]
    unused, origins = list(range(len(before))), list[int | None]()
    for item in after:
        origin = next((index for index in unused if _equal(before[index], item)), None)
        unused = [index for index in unused if index != origin]
        origins.append(origin)
    if None in origins and len(before) == len(after):
        return list(range(len(before)))
    return origins


def _key_slot(items: tuple[Any, ...]) -> Slot | None:
    if not items or not isinstance(items[0], View):
        return None
    slots = {slot.attribute: slot for slot in layout(type(items[0]))}
    return next((slots[name] for name in _KEYS if name in slots), None)


def _equal(left: Any, right: Any) -> bool:
    """Equal in value and in JSON type: 1, "1" and true are three things."""
    if isinstance(left, View) and type(left) is type(right):
        return all(_equal(getattr(left, name), getattr(right, name)) for name in left.__struct_fields__)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    return type(left) is type(right) and bool(left == right)


def plain(value: Any) -> Json:
    """The JSON of a field's value: no nulls, no untouched defaults."""
    if isinstance(value, View):
        return {
            slot.wire: plain(item)
            for slot in layout(type(value))
            if not is_absent(item := getattr(value, slot.attribute), slot)
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    return value
