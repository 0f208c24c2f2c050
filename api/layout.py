"""How a view class is laid out: attribute, wire name and default of each field, without evaluating any annotation."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import msgspec

from api.view import View


class Required:
    """Stands for the default of a field that has none."""


REQUIRED = Required()


class Slot(NamedTuple):
    """One field of a view."""

    attribute: str
    wire: str
    default: Any


@cache
def layout(kind: type[View]) -> tuple[Slot, ...]:
    """The fields of a view class, in order of declaration."""
    names = kind.__struct_fields__
    required = (REQUIRED,) * (len(names) - len(kind.__struct_defaults__))
    defaults = required + tuple(_default(value) for value in kind.__struct_defaults__)
    return tuple(map(Slot, names, kind.__struct_encode_fields__, defaults))


def is_absent(value: Any, slot: Slot) -> bool:
    """Whether a field with this value is left out on the wire: null, or what an absent field is read as."""
    if value is None:
        return True
    return slot.default is not REQUIRED and bool(value == slot.default)


def _default(value: Any) -> Any:
    if value is msgspec.NODEFAULT:
        return REQUIRED
    factory = getattr(value, "factory", None)
    return factory() if factory in (dict, list) else value
