"""Where a launcher pod may run: node labels that virt-handler writes, and the user's own rules on top."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from virt_controller.plan.launcher import Launcher
from virt_model import labels

Json = dict[str, Any]
_ANY_MODEL: Final = frozenset({"", "host-model", "host-passthrough"})
_REQUIRED: Final = frozenset({"", "require"})


def node_selector(launcher: Launcher) -> dict[str, str]:
    machine = launcher.spec.domain.machine.type if launcher.spec.domain.machine else ""
    machine = machine or launcher.config.machine_type(launcher.architecture)
    wanted = {
        labels.SCHEDULABLE: "true",
        labels.ARCH: launcher.architecture,
        f"{labels.MACHINE_TYPE_PREFIX}{machine}": "true",
    }
    cpu = launcher.cpu
    if cpu.model not in _ANY_MODEL:
        wanted[f"{labels.CPU_MODEL_PREFIX}{cpu.model}"] = "true"
    for feature in cpu.features:
        if feature.policy in _REQUIRED:
            wanted[f"{labels.CPU_FEATURE_PREFIX}{feature.name}"] = "true"
    if cpu.dedicated_cpu_placement:
        wanted[labels.CPU_MANAGER] = "true"
    return {**launcher.config.node_selectors, **launcher.spec.node_selector, **wanted}


def affinity(launcher: Launcher) -> Json | None:
    """The user's affinity, each of its node terms with our conditions in it."""
    given: Json = deepcopy(launcher.vmi.spec.get("affinity") or {})
    own = _expressions(launcher)
    if not own:
        return given or None
    node = given.setdefault("nodeAffinity", {})
    required = node.setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms = required.get("nodeSelectorTerms") or [{}]
    required["nodeSelectorTerms"] = [
        {**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *own]} for term in terms
    ]
    return given


def _expressions(launcher: Launcher) -> list[Json]:
    absent = []
    if launcher.cpu.model in ("", "host-model"):
        absent.append(labels.OBSOLETE_HOST_MODEL)
    absent += [
        f"{labels.CPU_FEATURE_PREFIX}{feature.name}" for feature in launcher.cpu.features if feature.policy == "forbid"
    ]
    return [{"key": key, "operator": "DoesNotExist"} for key in absent]
