"""The launcher pod can pull its own image and the guest's."""

from __future__ import annotations

from tests.unit.virt_controller.objects import SPEC, vmi
from virt_controller.plan import launcher_pod
from virt_model.config import ClusterConfig


def test_secrets_of_the_cluster_and_of_disks_are_joined() -> None:
    disk = {"name": "root", "containerDisk": {"image": "i", "imagePullSecret": "disk"}}
    raw = {**vmi().raw, "spec": {**SPEC, "volumes": [disk]}}
    config = ClusterConfig(use_emulation=True, image_pull_secrets=("registry", "disk"))
    pod = launcher_pod.render(raw, config, "launcher")
    assert pod["spec"]["imagePullSecrets"] == [{"name": "disk"}, {"name": "registry"}]
    assert "imagePullSecrets" not in launcher_pod.render(vmi().raw, ClusterConfig(use_emulation=True), "l")["spec"]
