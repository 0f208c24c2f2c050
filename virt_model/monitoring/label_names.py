"""Kubernetes labels as labels of metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping


def label_pairs(labels: Mapping[str, str], prefix: str) -> tuple[tuple[str, str], ...]:
    """Each label under `prefix` and its key, with `_` for what a metric's label may not contain.

    Of keys that become the same the first in order counts: Prometheus refuses a series that names a label twice.
    """
    found: dict[str, str] = {}
    for key in sorted(labels):
        found.setdefault(prefix + re.sub(r"[^a-zA-Z0-9_]", "_", key), str(labels[key]))
    return tuple(found.items())
