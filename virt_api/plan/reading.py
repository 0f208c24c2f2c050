"""Reading raw JSON that may be anything: every reader gives the empty value of its type instead of raising.

The mutating webhook's schema step has refused what has the wrong type before any rule reads it, but a rule must not
depend on that: whatever a request holds, the answer is a verdict and never a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from api.quantity import InvalidQuantity, parse_quantity

Raw = dict[str, Any]


def find(raw: object, *path: str) -> Any:
    """The value at a path of field names; None where a step is absent."""
    for step in path:
        if not isinstance(raw, dict):
            return None
        raw = raw.get(step)
    return raw


def table(raw: object, *path: str) -> Raw:
    """The object at a path, else an empty one."""
    found = find(raw, *path)
    return found if isinstance(found, dict) else {}


def rows(raw: object, *path: str) -> list[Raw]:
    """The list of objects at a path; an item that is no object reads as an empty one, so that positions hold."""
    found = find(raw, *path)
    return [item if isinstance(item, dict) else {} for item in found] if isinstance(found, list) else []


def numbered(raw: object, *path: str) -> Iterator[tuple[int, Raw]]:
    """The same with positions."""
    return enumerate(rows(raw, *path))


def items(raw: object, *path: str) -> list[Any]:
    """The list at a path, else an empty one."""
    found = find(raw, *path)
    return found if isinstance(found, list) else []


def text(raw: object, *path: str) -> str:
    """The string at a path, else the empty one."""
    found = find(raw, *path)
    return found if isinstance(found, str) else ""


def number(raw: object, *path: str) -> int | None:
    """The whole number at a path."""
    found = find(raw, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(raw: object, *path: str) -> bool | None:
    """The boolean at a path; None where it is not said."""
    found = find(raw, *path)
    return found if isinstance(found, bool) else None


def amount(raw: object, *path: str) -> Fraction | None:
    """The quantity at a path; None where there is none that can be read."""
    found = find(raw, *path)
    if not isinstance(found, str | int | float):
        return None
    try:
        return parse_quantity(found)
    except InvalidQuantity:
        return None


def found(raw: object, path: str) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Everything at a path `a.*.b`, where `*` is each item of a list: the items' positions, and the value there."""
    step, _, rest = path.partition(".")
    if not step:
        yield (), raw
    elif step == "*":
        for i, item in enumerate(raw if isinstance(raw, list) else ()):
            for positions, value in found(item, rest):
                yield (i, *positions), value
    elif isinstance(raw, dict) and step in raw:
        yield from found(raw[step], rest)


def has(raw: object, *path: str) -> bool:
    """Whether something other than null stands at a path (an empty object counts)."""
    return find(raw, *path) is not None
