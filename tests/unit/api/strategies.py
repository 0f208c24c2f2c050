"""Hypothesis strategies: any JSON, any view of a class, and a raw object around a view, with strangers in it."""

import typing
from functools import cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from api.layout import REQUIRED, layout
from api.lens import encode
from api.schema import unwrap
from api.view import View

names = st.sampled_from(["root", "data", "net0", "x", "Ready"])
words = st.one_of(names, st.text(max_size=5))
_solid = st.one_of(st.booleans(), st.integers(-(2**40), 2**40), st.floats(allow_nan=False), words)


def _nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
        max_leaves=12,
    )


anything = _nested(st.one_of(st.none(), _solid))
without_nulls = _nested(_solid)

_SCALAR = {str: words, bool: st.booleans(), int: st.integers(0, 99), float: st.floats(0, 9), Any: without_nulls}
_UNION = st.one_of(st.integers(0, 9), st.sampled_from(["1Gi", "100m", "80"]))
_STRANGE = "strange-"


def values(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    """Values of one annotation, without None."""
    bare, _ = unwrap(hint)
    if isinstance(bare, frozenset):
        return _UNION
    origin, arguments = typing.get_origin(bare), typing.get_args(bare)
    if origin is tuple:
        return st.lists(values(arguments[0], depth - 1), max_size=3 if depth > 0 else 1).map(tuple)
    if origin is dict:
        return st.dictionaries(words, values(arguments[1], depth - 1), max_size=2)
    if bare in _SCALAR:
        return _SCALAR[bare]
    return views(bare, depth - 1)


@cache
def hints_of(kind: type[View]) -> dict[str, Any]:
    """Evaluated annotations of a view class."""
    return typing.get_type_hints(kind, include_extras=True)


@st.composite
def views(draw: st.DrawFn, kind: type[View], depth: int = 7) -> View:
    """Views of a class with a few of its fields set; deep ones only as far as required."""
    hints = hints_of(kind)
    slots = layout(kind)
    optional = [slot.attribute for slot in slots if slot.default is not REQUIRED]
    chosen = draw(st.sets(st.sampled_from(optional), max_size=3)) if optional and depth > 0 else set()
    wanted = [slot.attribute for slot in slots if slot.default is REQUIRED or slot.attribute in chosen]
    return kind(**{name: draw(values(hints[name], depth)) for name in wanted})


@st.composite
def raws(draw: st.DrawFn, view: View) -> dict[str, Any]:
    """A raw object whose view is `view`: unknown fields, nulls and zeros strewn in."""
    raw: dict[str, Any] = _estranged(draw, encode(view), view)
    return raw


def _estranged(draw: st.DrawFn, raw: Any, view: Any) -> Any:
    if isinstance(view, View):
        known = {slot.wire: slot for slot in layout(type(view))}
        grown = {key: _estranged(draw, item, getattr(view, known[key].attribute)) for key, item in raw.items()}
        for slot in draw(st.lists(st.sampled_from(list(known.values())), max_size=1)) if known else []:
            if slot.wire not in grown and slot.default is not REQUIRED:
                grown[slot.wire] = None if slot.default is None else encode_default(slot.default)
        if draw(st.booleans()):
            grown[_STRANGE + draw(names)] = draw(anything)
        return grown
    if isinstance(view, tuple):
        items = [_estranged(draw, *pair) for pair in zip(raw, view, strict=True)]
        return [*items, None] if draw(st.integers(0, 7)) == 7 else items
    if isinstance(view, dict):
        return {key: _estranged(draw, raw[key], item) for key, item in view.items() if key in raw}
    return raw


@st.composite
def successors(draw: st.DrawFn, old: View, other: View) -> View:
    """What may become of `old`: fields kept or taken from `other`, list items changed, dropped, moved and added."""
    changes = {}
    for slot in layout(type(old)):
        before, after = getattr(old, slot.attribute), getattr(other, slot.attribute)
        changes[slot.attribute] = _succeeding(draw, before, after)
    return msgspec.structs.replace(old, **changes)


def _succeeding(draw: st.DrawFn, before: Any, after: Any) -> Any:
    if isinstance(before, View) and isinstance(after, View):
        return draw(successors(before, after))
    if isinstance(before, tuple) and before and draw(st.booleans()):
        kept = [item for item in before if draw(st.integers(0, 3))]
        moved = draw(st.permutations(kept)) if draw(st.booleans()) else kept
        changed = [_succeeding(draw, item, draw(st.sampled_from(before))) for item in moved]
        return (*changed, *(after if draw(st.booleans()) else ()))
    return draw(st.sampled_from([before, after]))


def encode_default(value: Any) -> Any:
    """A default as it would stand on the wire."""
    if isinstance(value, View):
        return encode(value)
    return list(value) if isinstance(value, tuple) else value


def strangers(raw: Any) -> Any:
    """Only the unknown fields of a raw object, with the structure around them; an item that is null is none."""
    if isinstance(raw, dict):
        kept = {k: v if k.startswith(_STRANGE) else strangers(v) for k, v in raw.items()}
        return {k: v for k, v in kept.items() if k.startswith(_STRANGE) or v}
    if isinstance(raw, list):
        kept_items = [strangers(item) for item in raw if item is not None]
        return kept_items if any(kept_items) else []
    return {}
