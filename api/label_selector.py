"""Label selectors: the structure in specs, and the text of `kubectl -l` and of scale subresources.

Both become the same tuple of requirements; `matches` asks a set of labels. A selector that is absent (None) matches
nothing, an empty one matches everything: the callers of `matches` say which they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from api.meta import LabelSelector, LabelSelectorRequirement

Labels = Mapping[str, str]
Requirements = tuple[LabelSelectorRequirement, ...]

_SET = re.compile(r"\s*([^\s=!,()]+)\s+(in|notin)\s*\(([^()]*)\)\s*", re.ASCII)
_EQUAL = re.compile(r"\s*([^\s=!,()]+)\s*(==|=|!=)\s*([^\s=!,()]*)\s*", re.ASCII)
_PRESENT = re.compile(r"\s*(!?)\s*([^\s=!,()]+)\s*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class InvalidSelector(ValueError):
    """The selector says nothing that could be tested; the message says which part."""


def requirements(selector: LabelSelector) -> Requirements:
    """All tests of the structure, its matchLabels first (sorted by key). Raises InvalidSelector."""
    equal = tuple(
        LabelSelectorRequirement(key=key, operator="In", values=(value,))
        for key, value in sorted(selector.match_labels.items())
    )
    return tuple(_checked(one) for one in equal + selector.match_expressions)


def parse_selector(text: str) -> Requirements:
    """Requirements of `a=b,c!=d,e in (f,g),h notin (i),j,!k`. The empty text has none. Raises InvalidSelector."""
    found: list[LabelSelectorRequirement] = []
    if not text.strip():
        return ()
    position = 0
    while True:
        requirement, position = _parse_one(text, position)
        found.append(requirement)
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


def _holds(requirement: LabelSelectorRequirement, labels: Labels) -> bool:
    present = requirement.key in labels
    match requirement.operator:
        case "In":
            return present and labels[requirement.key] in requirement.values
        case "NotIn":
            return not present or labels[requirement.key] not in requirement.values
        case "Exists":
            return present
        case _:
            return not present


def _parse_one(text: str, position: int) -> tuple[LabelSelectorRequirement, int]:
    if (match := _SET.match(text, position)) is not None:
        values = tuple(sorted({value.strip() for value in match[3].split(",")}))
        return _requirement(match[1], "In" if match[2] == "in" else "NotIn", values), match.end()
    if (match := _EQUAL.match(text, position)) is not None:
        return _requirement(match[1], "NotIn" if match[2] == "!=" else "In", (match[3],)), match.end()
    if (match := _PRESENT.match(text, position)) is not None:
        return _requirement(match[2], "DoesNotExist" if match[1] else "Exists", ()), match.end()
    raise InvalidSelector(f"no requirement at character {position + 1} of {text[:200]!r}")


def _requirement(key: str, operator: str, values: tuple[str, ...]) -> LabelSelectorRequirement:
    return _checked(LabelSelectorRequirement(key=key, operator=operator, values=values))


def _checked(requirement: LabelSelectorRequirement) -> LabelSelectorRequirement:
    if requirement.operator not in _OPERATORS:
        raise InvalidSelector(f"{requirement.operator!r} is not a valid label selector operator")
    if bool(requirement.values) != (requirement.operator in ("In", "NotIn")):
        raise InvalidSelector(f"values do not fit operator {requirement.operator} of {requirement.key!r}")
    prefix, slash, name = requirement.key.rpartition("/")
    if not _NAME.fullmatch(name) or (slash and not (len(prefix) <= 253 and _PREFIX.fullmatch(prefix))):
        raise InvalidSelector(f"invalid label key {requirement.key[:300]!r}")
    for value in requirement.values:
        if value and not _NAME.fullmatch(value):
            raise InvalidSelector(f"invalid label value {value[:200]!r}")
    return requirement


def _format_one(requirement: LabelSelectorRequirement) -> str:
    key, values = requirement.key, requirement.values
    match requirement.operator:
        case "Exists":
            return key
        case "DoesNotExist":
            return f"!{key}"
        case "In" if len(values) == 1:
            return f"{key}={values[0]}"
        case "NotIn" if len(values) == 1:
            return f"{key}!={values[0]}"
        case operator:
            return f"{key} {operator.lower()} ({','.join(sorted(values))})"
