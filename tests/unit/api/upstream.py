"""The published schemas, examples and recordings, read in place; tests that need them skip where they are absent."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.crd import KINDS

HERE = Path(__file__).resolve()
ROOT = Path(os.environ.get("PODVIRT_UPSTREAM", HERE.parents[3].parent / "shared" / "upstream"))

needs_upstream = pytest.mark.skipif(not ROOT.is_dir(), reason="the upstream data is not here (PODVIRT_UPSTREAM)")


def definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "openapi.json").read_text())["definitions"]
    return found


def published(kind: str) -> bool:
    return _crd_file(kind).is_file()


def crd(kind: str) -> dict[str, Any]:
    if not published(kind):
        pytest.skip(f"the CRD of {kind} is not among the published ones")
    found: dict[str, Any] = yaml.load(_crd_file(kind).read_text(), yaml.CSafeLoader)
    return found


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Examples, filled objects and every object that a recording watched: (where from, object)."""
    for path in sorted([*ROOT.glob("filled/*.yaml"), *ROOT.glob("examples/*.yaml")]):
        for found in yaml.load_all(path.read_text(), yaml.CSafeLoader):
            if _is_ours(found):
                yield path.name, found
    for path in sorted(ROOT.glob("recorded/*/events.jsonl")):
        for number, line in enumerate(path.read_text().splitlines()):
            found = json.loads(line).get("object")
            if _is_ours(found):
                yield f"{path.parent.name}:{number}", found


def admissions() -> Iterator[dict[str, Any]]:
    """Recorded requests with their answers."""
    for line in (ROOT / "recorded" / "admission.jsonl").read_text().splitlines():
        yield json.loads(line)


def _crd_file(kind: str) -> Path:
    return ROOT / "crds" / f"{KINDS[kind].plural}.{KINDS[kind].group.name}.yaml"


def _is_ours(found: Any) -> bool:
    if not isinstance(found, dict) or found.get("kind") not in KINDS:
        return False
    return str(found.get("apiVersion", "")).partition("/")[0] == KINDS[str(found["kind"])].group.name
