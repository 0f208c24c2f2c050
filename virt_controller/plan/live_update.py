"""Which changes of a VM's template a running VMI follows, and which wait for a restart.

Under the roll-out strategy LiveUpdate a VMI that has its node follows the placement rules: they bind whenever a pod of
it is placed again. Before, its pod waits for a node by the old rules. Everything else of the template is built into
the guest and waits. Under Stage everything waits. The name by which the guest knows its board (firmware.uuid) is no
change: a VM made by an old release gets it late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from virt_model.config import ClusterConfig
from virt_model.seen import Vmi

Json = dict[str, Any]

#: fields of a VMI's spec that follow the template while the guest runs
FOLLOWED: Final = ("nodeSelector", "affinity", "tolerations")
#: at most so many changes are named
NAMED: Final = 5
_MISSING: Final[Any] = object()


def follows(vmi: Vmi, config: ClusterConfig) -> bool:
    """Whether changes are handed down to this VMI."""
    return config.vm_rollout_strategy == "LiveUpdate" and vmi.phase.handed_over and not vmi.deleting


def handed_down(template: Mapping[str, Any], vmi: Vmi) -> Json:
    """The VMI with what it follows of the template's spec; its raw object when it has all of it."""
    spec = vmi.spec
    if all(_said(template, field) == _said(spec, field) for field in FOLLOWED):
        return vmi.raw
    kept = {key: value for key, value in spec.items() if key not in FOLLOWED}
    return {**vmi.raw, "spec": {**kept, **{field: template[field] for field in FOLLOWED if _said(template, field)}}}


def waiting(started: Mapping[str, Any], template: Mapping[str, Any], *, followed: bool) -> tuple[str, ...]:
    """Paths of what is different in the template's spec since the start and waits for the next one."""
    ignored = {"domain.firmware.uuid", *(FOLLOWED if followed else ())}
    return tuple(path for path in _differences(started, template, "") if path not in ignored)


def named(paths: Sequence[str]) -> str:
    """`a, b and 3 more`."""
    shown = ", ".join(paths[:NAMED])
    return f"{shown} and {len(paths) - NAMED} more" if len(paths) > NAMED else shown


def _said(spec: Mapping[str, Any], field: str) -> Any:
    return spec.get(field) or None


def _filled(value: Any) -> Any:
    """None where nothing is said: no field, null, an empty list."""
    return None if value is _MISSING or value == [] else value


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    """Objects are compared field by field, lists of named things by name; placement rules are one thing each."""
    if not path.endswith("]"):  # a thing that comes or goes is one difference
        old, new = _opened(old, new), _opened(new, old)
    if path in FOLLOWED or not _alike(old, new):
        if _filled(old) != _filled(new):
            yield path
        return
    before, after = _fields(old), _fields(new)
    if isinstance(old, list) and [key for key in before if key in after] != [key for key in after if key in before]:
        yield path  # in another order
    for key in [*before, *(key for key in after if key not in before)]:
        below = f"{path}[{key}]" if isinstance(old, list) else f"{path}.{key}".lstrip(".")
        yield from _differences(before.get(key, _MISSING), after.get(key, _MISSING), below)


def _opened(value: Any, other: Any) -> Any:
    """An object that is not there, as one without fields beside one with some: so each of them is named."""
    return {} if value is _MISSING and isinstance(other, dict) and other else value


def _alike(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return True
    return isinstance(old, list) and isinstance(new, list) and _of_names(old) and _of_names(new)


def _of_names(items: list[Any]) -> bool:
    named_ = [each.get("name") for each in items if isinstance(each, dict)]
    return len(named_) == len(items) == len(set(named_)) and None not in named_


def _fields(value: Any) -> Json:
    return {str(each["name"]): each for each in value} if isinstance(value, list) else value
