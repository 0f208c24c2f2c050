"""Where things live: builds in a cache that all clusters share, state in one directory per cluster."""

from __future__ import annotations

import os
from pathlib import Path

CLUSTERS = Path("/var/lib/podvirt/clusters")
SOURCE = Path(__file__).resolve().parent
"""This package: the Go modules are below it, and nodes import it from its parent."""


def cache() -> Path:
    """The directory of everything that can be built or fetched again ($PODVIRT_CACHE, else ~/.cache/podvirt)."""
    named = os.environ.get("PODVIRT_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "podvirt"
