"""The node's sign of life and its labels as one patch: at most one write a minute, nothing else when idle. Pure."""

from __future__ import annotations

from typing import Any

from virt_handler.plan.node_labels import MANAGED_PREFIXES
from virt_model import labels

PERIOD_SECONDS = 60.0
JITTER = 0.2
"""Part of the period that is added at random, so that the nodes of a cluster do not beat in step."""
SKIP_LABELS = "node-labeller.kubevirt.io/skip-node"


def patch(
    node: dict[str, Any], wanted: dict[str, str] | None, schedulable: bool, cpu_manager: bool, now: str
) -> dict[str, Any]:
    """A merge patch of the Node: the heartbeat, what may be scheduled, and the labels that changed.

    `wanted` are the node's capability labels. They are left alone while they are not known (None), since that proves
    nothing about the node, and where the skip annotation asks for it.
    """
    metadata = node["metadata"]
    change: dict[str, str | None] = {
        labels.SCHEDULABLE: _word(schedulable),
        labels.CPU_MANAGER: _word(cpu_manager),
        labels.CPU_MANAGER_OLD: _word(cpu_manager),
    }
    if wanted is not None and SKIP_LABELS not in (metadata.get("annotations") or {}):
        present = metadata.get("labels") or {}
        ours = {key for key in present if key.startswith(MANAGED_PREFIXES)}
        change |= {key: None for key in ours - wanted.keys()}
        change |= {key: value for key, value in wanted.items() if present.get(key) != value}
    return {"metadata": {"annotations": {labels.HEARTBEAT: now}, "labels": change}}


def _word(value: bool) -> str:
    return "true" if value else "false"
