"""Access to the recordings of the original at work; tests that need them are skipped where they are absent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

Json = dict[str, Any]
_HERE = Path(__file__).resolve()
UPSTREAM = Path(os.environ.get("PODVIRT_UPSTREAM") or _HERE.parents[4] / "shared" / "upstream")
RECORDED = UPSTREAM / "recorded"

needs_recordings = pytest.mark.skipif(not RECORDED.is_dir(), reason="recordings of the original are not here")


@cache
def listed(path: str) -> tuple[Json, ...]:
    """Objects of a recorded `TAG.KIND.yaml`."""
    loaded = yaml.load((RECORDED / path).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(loaded["items"])


@cache
def events(folder: str) -> tuple[Json, ...]:
    """Watch events of a scenario, in order: `type`, `object`."""
    with (RECORDED / folder / "events.jsonl").open() as lines:
        return tuple(json.loads(line) for line in lines)


def launchers() -> Iterator[tuple[str, Json, Json]]:
    """(name of the case, VMI, its first launcher pod) for each that was recorded together."""
    for path in sorted(RECORDED.glob("*/*.vmi.yaml")):
        pods_file = path.with_name(path.name.replace(".vmi.yaml", ".pods.yaml"))
        if not pods_file.exists():
            continue
        pods = listed(str(pods_file.relative_to(RECORDED)))
        for vmi in listed(str(path.relative_to(RECORDED))):
            pod = _pod_of(vmi, pods)
            if pod is not None:
                yield f"{path.parent.name}/{path.name.split('.')[0]}/{vmi['metadata']['name']}", vmi, pod


def _pod_of(vmi: Json, pods: tuple[Json, ...]) -> Json | None:
    for pod in pods:
        labels = pod["metadata"].get("labels", {})
        mine = labels.get("kubevirt.io/created-by") == vmi["metadata"]["uid"]
        if mine and labels.get("kubevirt.io") == "virt-launcher" and "kubevirt.io/migrationJobUID" not in labels:
            return pod
    return None
