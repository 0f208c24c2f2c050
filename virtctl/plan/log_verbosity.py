"""`virtctl adm log-verbosity`: what to show or to write, for components and for VMs.

A component's verbosity stands in the KubeVirt object, a VM's in a label of its template. To show and to set at once is
refused. A flag of a component without a value shows it; with a value it sets it. A reset comes before what is set, so
that `--reset --virt-handler=7` means: all by default, but this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from virt_model import labels
from virt_model.config import DEFAULT_VERBOSITY, VERBOSITY_FIELDS
from virtctl.failure import CommandFailed

Json = dict[str, Any]
SHOW: Final = "show"  # the value of a component's flag that was given without one
ALL: Final = "all"
LABEL: Final = labels.LOG_VERBOSITY
_DEVELOPER: Final = "/spec/configuration/developerConfiguration"
_LABELS: Final = "/spec/template/metadata/labels"
_LEVELS: Final = tuple(str(level) for level in range(10))


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """The flags: of components (only those that were given), of VMs, and what to reset ("all": the components)."""

    components: Mapping[str, str] = {}
    vms: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()

    @property
    def reset_components(self) -> bool:
        return ALL in self.reset

    @property
    def reset_vms(self) -> tuple[str, ...]:
        return tuple(name for name in self.reset if name != ALL)

    @property
    def shows(self) -> bool:
        return SHOW in self.components.values() or bool(self.vms and not self.levels)

    @property
    def sets(self) -> bool:
        return bool(self.reset or self.levels or [level for level in self.components.values() if level != SHOW])


def check(wish: Wish) -> None:
    """Raises CommandFailed."""
    if wish.levels and not wish.vms:
        raise CommandFailed("level: need vm flag")
    if wish.levels and len(wish.levels) != len(wish.vms):
        text = f"number of vm flags {len(wish.vms)} not equal to number of level flags {len(wish.levels)}"
        raise CommandFailed(text)
    for name, level in (*zip(wish.vms, wish.levels, strict=False), *wish.components.items()):
        if level not in (*_LEVELS, SHOW):
            raise CommandFailed(f"{name}: log verbosity must be 0-9")
    if wish.shows and wish.sets:
        raise CommandFailed("only show or set is allowed")


def current(kubevirt: Json) -> dict[str, int]:
    """What the KubeVirt object says, by its field names."""
    developer = (kubevirt["spec"].get("configuration") or {}).get("developerConfiguration") or {}
    return dict(developer.get("logVerbosity") or {})


def component_lines(wish: Wish, kubevirt: Json) -> list[str]:
    said = current(kubevirt)
    asked = [name for name in VERBOSITY_FIELDS if name in wish.components or ALL in wish.components]
    return [f"{name} = {said.get(VERBOSITY_FIELDS[name], DEFAULT_VERBOSITY)}" for name in sorted(asked)]


def vm_lines(vm: Json, kubevirt: Json, vmi: Json | None) -> list[str]:
    """`vmi` is the VM's running instance: a label that came later counts from the next start on."""
    name = vm["metadata"]["name"]
    default = str(current(kubevirt).get(VERBOSITY_FIELDS["virt-launcher"], DEFAULT_VERBOSITY))
    wanted = _labels(vm).get(LABEL) or default
    shown = (vmi["metadata"].get("labels") or {}).get(LABEL) or default if vmi is not None else wanted
    lines = [f"{name} = {shown}"]
    if shown != wanted:
        lines.append(f"{name}: updated verbosity {wanted} will be applied after the VM is restarted")
    return lines


def component_patch(wish: Wish, kubevirt: Json) -> tuple[list[Json], list[str]]:
    """JSON Patch of the KubeVirt object, and what to say; both empty where nothing is to be written."""
    told = []
    levels: dict[str, Any] = current(kubevirt)
    if wish.reset_components:
        levels = {}
        told.append("successfully reset the verbosity of all KubeVirt components to default (2)")
    if wish.components:
        if ALL in wish.components:
            levels |= dict.fromkeys(VERBOSITY_FIELDS.values(), int(wish.components[ALL]))
        levels |= {VERBOSITY_FIELDS[name]: int(level) for name, level in wish.components.items() if name != ALL}
        told.append("successfully set the verbosity of the KubeVirt component(s)")
    if not told or levels == current(kubevirt):
        return [], told
    return [*_parents(kubevirt), {"op": "add", "path": f"{_DEVELOPER}/logVerbosity", "value": levels}], told


def _parents(kubevirt: Json) -> list[Json]:
    """JSON Patch adds no parents by itself."""
    configuration = kubevirt["spec"].get("configuration")
    if configuration is None:
        return [{"op": "add", "path": "/spec/configuration", "value": {"developerConfiguration": {}}}]
    if configuration.get("developerConfiguration") is None:
        return [{"op": "add", "path": _DEVELOPER, "value": {}}]
    return []


def set_label(vm: Json, level: str) -> list[Json]:
    """JSON Patch of a VM."""
    template = vm["spec"]["template"]
    if not template.get("metadata"):
        return [{"op": "add", "path": "/spec/template/metadata", "value": {"labels": {LABEL: level}}}]
    if not template["metadata"].get("labels"):
        return [{"op": "add", "path": _LABELS, "value": {LABEL: level}}]
    return [{"op": "add", "path": f"{_LABELS}/{LABEL}", "value": level}]


def remove_label(vm: Json) -> list[Json]:
    """JSON Patch of a VM; empty where it has no such label."""
    return [{"op": "remove", "path": f"{_LABELS}/{LABEL}"}] if LABEL in _labels(vm) else []


def _labels(vm: Json) -> dict[str, str]:
    found: dict[str, str] = (vm["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return found
