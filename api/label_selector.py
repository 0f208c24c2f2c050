"""Label selectors: the structure in specs, and the text of `kubectl -l` and of scale subresources.

Both become the same tuple of requirements; `matches` asks a set of labels. A selector that is absent (None) chooses
nothing, an empty one everything: `selects` knows the difference, `matches` has no absence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from api.meta import LabelSelector

Labels = Mapping[str, str]


class Requirement(NamedTuple):
    """One test. `operator` is as in the text form: = == != in notin > <, and exists or ! for mere presence."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


Requirements = tuple[Requirement, ...]

_WORD = r"[^\s=!,()<>]+"
_SET = re.compile(rf"\s*({_WORD})\s+(in|notin)\s*\(([^()]*)\)\s*", re.ASCII)
_EXACT = re.compile(rf"\s*({_WORD})\s*(==|=|!=|>|<)\s*({_WORD}|)\s*", re.ASCII)
_PRESENT = re.compile(rf"\s*(!?)\s*({_WORD})\s*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_STRUCTURED = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


class InvalidSelector(ValueError):
    """The selector says nothing that could be tested; the message says which part."""


def requirements(selector: LabelSelector) -> Requirements:
    """All tests of the structure, its matchLabels first (sorted by key). Raises InvalidSelector."""
    found = [Requirement(key, "=", (value,)) for key, value in sorted(selector.match_labels.items())]
    for expression in selector.match_expressions:
        if expression.operator not in _STRUCTURED:
            raise InvalidSelector(f'"{expression.operator[:80]}" is not a valid label selector operator')
        found.append(Requirement(expression.key, _STRUCTURED[expression.operator], expression.values))
    return tuple(_checked(one) for one in found)


def parse_selector(text: str) -> Requirements:
    """Requirements of `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>3`. The empty text has none. Raises InvalidSelector."""
    found: list[Requirement] = []
    if not text.strip():
        return ()
    position = 0
    while True:
        requirement, position = _parse_one(text, position)
        found.append(_checked(requirement))
        if position == len(text):
            return tuple(found)
        if text[position] != ",":
            raise InvalidSelector(f"expected a comma at character {position + 1} of {text[:200]!r}")
        position += 1


def format_selector(selector: Requirements) -> str:
    """The text that `parse_selector` reads back, sorted by key."""
    return ",".join(_format_one(one) for one in sorted(selector, key=lambda each: each.key))


def matches(selector: Requirements, labels: Labels) -> bool:
    """Whether every requirement holds for the labels."""
    return all(_holds(one, labels) for one in selector)


def selects(selector: LabelSelector | None, labels: Labels) -> bool:
    """Whether the structure chooses the labels; None chooses nothing. Raises InvalidSelector."""
    return selector is not None and matches(requirements(selector), labels)


def _holds(requirement: Requirement, labels: Labels) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "=" | "==" | "in":
            return value in requirement.values
        case "!=" | "notin":
            return value not in requirement.values
        case "exists":
            return value is not None
        case "!":
            return value is None
    if value is None or not _INTEGER.fullmatch(value):
        return False
    bound = int(requirement.values[0])
    return int(value) > bound if requirement.operator == ">" else int(value) < bound


def _parse_one(text: str, position: int) -> tuple[Requirement, int]:
    if (match := _SET.match(text, position)) is not None:
        values = tuple(sorted({value.strip() for value in match[3].split(",")}))
        return Requirement(match[1], match[2], values), match.end()
    if (match := _EXACT.match(text, position)) is not None:
        return Requirement(match[1], match[2], (match[3],)), match.end()
    if (match := _PRESENT.match(text, position)) is not None:
        return Requirement(match[2], "!" if match[1] else "exists"), match.end()
    raise InvalidSelector(f"no requirement at character {position + 1} of {text[:200]!r}")


def _checked(requirement: Requirement) -> Requirement:
    if bool(requirement.values) == (requirement.operator in ("exists", "!")):
        raise InvalidSelector(f"values do not fit operator {requirement.operator} of {requirement.key[:300]!r}")
    prefix, slash, name = requirement.key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not (len(prefix) <= 253 and _PREFIX.fullmatch(prefix))):
        raise InvalidSelector(f"invalid label key {requirement.key[:300]!r}")
    for value in requirement.values:
        if value and not _NAME.fullmatch(value):
            raise InvalidSelector(f"invalid label value {value[:200]!r}")
        if requirement.operator in (">", "<") and not _INTEGER.fullmatch(value):
            raise InvalidSelector(f"not an integer: {value[:200]!r}")
    return requirement


def _format_one(requirement: Requirement) -> str:
    key, operator = requirement.key, requirement.operator
    if operator == "exists":
        return key
    if operator == "!":
        return f"!{key}"
    values = ",".join(sorted(requirement.values))
    return f"{key} {operator} ({values})" if operator in ("in", "notin") else f"{key}{operator}{values}"
