"""The recorded admission requests of the original, where they are at hand."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

UPSTREAM = Path(os.environ.get("PODVIRT_UPSTREAM", Path(__file__).parents[4] / "shared" / "upstream"))
RECORDED = UPSTREAM / "recorded" / "admission.jsonl"


@cache
def requests() -> list[dict[str, Any]]:
    """Every recorded request with its answer; empty where the recording is not at hand."""
    return [json.loads(line) for line in RECORDED.read_text().splitlines()] if RECORDED.exists() else []
