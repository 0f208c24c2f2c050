"""The example manifests of the original: accepted and refused as there, or refused for the capability that is missing.

A row of `MISSING` whose manifest is accepted fails the test, so that the table shrinks as capabilities come.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from api.crd.kinds import KINDS
from tests.unit.virt_api.recorded import UPSTREAM
from tests.unit.virt_api.worlds import WEBHOOKS, admit, ask
from virt_model.idle_kinds import IDLE_KINDS, creation_path

#: refused by the original too, on a cluster with its default gates
REFUSED = {
    "migration-job": "does not exist",
    "vm-cirros-with-sidecar-hook-configmap": "sidecar feature gate is not enabled",
    "vmi-with-sidecar-hook": "sidecar feature gate is not enabled",
    "vmi-with-sidecar-hook-configmap": "sidecar feature gate is not enabled",
    "vmi-host-disk": "HostDisk feature gate is not enabled",
    "vmi-usb": "Host Devices feature gate is not enabled",
}
MISSING = {
    "clarge": "instance types",
    "cluster-csmall": "instance types",
    "csmall": "instance types",
    "virtio": "preferences",
    "windows": "preferences",
    "vm-pool-cirros": "pools of VMs",
    "vmi-preset-small": "presets",
    "vm-alpine-datavolume": "data volumes",
    "vm-alpine-multipvc": "persistent volume claims",
    "vm-cirros-clarge": "instance types",
    "vm-cirros-clarge-virtio": "instance types",
    "vm-cirros-clarge-windows": "instance types",
    "vm-cirros-cluster-csmall": "instance types",
    "vm-cirros-csmall": "instance types",
    "vm-windows-clarge-windows": "instance types",
    "vmi-dra-pgpu": "dynamic resource allocation",
    "vmi-fedora-isolated": "dedicated CPUs",
    "vmi-gpu": "GPUs",
    "vmi-kernel-boot": "booting a kernel from a container",
    "vmi-multus-multiple-net": "secondary networks",
    "vmi-multus-ptp": "secondary networks",
    "vmi-pvc": "persistent volume claims",
    "vmi-sriov": "SR-IOV",
    "vmi-windows": "a TPM",
}
FILES = sorted((UPSTREAM / "examples").glob("*.yaml")) if UPSTREAM.is_dir() else []
pytestmark = pytest.mark.skipif(not FILES, reason="the examples are not at hand")


def _ours(path: Path) -> list[dict[str, Any]]:
    """The objects of a manifest that are of our kinds."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each and each["kind"] in KINDS]


def _refusal(manifest: dict[str, Any]) -> str:
    """What is said no with, "" where it is accepted."""
    kind = manifest["kind"]
    plural = KINDS[kind].plural
    made = {**manifest, "metadata": {"namespace": "default", **manifest["metadata"]}}
    if plural in WEBHOOKS:
        code, said = admit(plural, made)
        return str(said["message"]) if code >= 400 else ""
    assert kind in IDLE_KINDS
    response = ask(creation_path(plural), made)
    return "" if response["allowed"] else str(response["status"]["message"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_answered_as_by_the_original(path: Path) -> None:
    said = [refusal for manifest in _ours(path) if (refusal := _refusal(manifest))]
    if path.stem in MISSING:
        assert any(f"{MISSING[path.stem]}: not supported yet" in refusal for refusal in said), (
            f"remove the row of {path.stem}: it is no longer refused for that"
        )
    elif path.stem in REFUSED:
        assert any(REFUSED[path.stem] in refusal for refusal in said), said
    else:
        assert said == []


def test_the_tables_speak_of_examples_that_there_are() -> None:
    assert {path.stem for path in FILES} >= REFUSED.keys() | MISSING.keys()
