"""Domains that a stock KubeVirt made, beside the VMI that it made them from. Read in place, never copied."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, fromstring

import pytest
import yaml

UPSTREAM = Path(os.environ.get("PODVIRT_UPSTREAM", Path(__file__).parents[4] / "shared" / "upstream"))


class Recording(NamedTuple):
    """One moment of one guest."""

    vmi: dict[str, Any]
    live: Element


def recordings() -> list[Any]:
    """Every recorded domain with its VMI, as pytest parameters; one skipped parameter where there are none."""
    found = [
        pytest.param(path, id=f"{path.parent.name}/{path.name.removesuffix('.domain.xml')}")
        for path in sorted(UPSTREAM.glob("recorded/*/*.domain.xml"))
    ]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no recordings in {UPSTREAM}"))]


def load(path: Path) -> Recording:
    """The recording of `TAG.NAME.domain.xml`: its VMI is in `TAG.vmi.yaml`."""
    tag, name = path.name.removesuffix(".domain.xml").split(".")
    objects = yaml.safe_load((path.parent / f"{tag}.vmi.yaml").read_text())["items"]
    vmi = next(item for item in objects if item["metadata"]["name"] == name)
    return Recording(vmi, fromstring(path.read_text()))
