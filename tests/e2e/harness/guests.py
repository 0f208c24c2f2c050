"""Manifests of the test guests."""

from typing import Any

TINY = "localhost/podvirt/guest-tiny:v0.1.0"
AGENT = "#!/bin/sh\noptional guest-agent\n"
"""User data that starts its guest agent."""


def vmi_spec(
    image: str = TINY,
    memory: str = "128Mi",
    user_data: str | None = None,
    binding: str = "masquerade",
    grace: int | None = None,
    bus: str = "virtio",
) -> dict[str, Any]:
    """The spec of a VMI that boots the tiny guest on the pod network."""
    disks: list[dict[str, Any]] = [{"name": "root", "disk": {"bus": bus}}]
    volumes: list[dict[str, Any]] = [{"name": "root", "containerDisk": {"image": image}}]
    if user_data is not None:
        disks.append({"name": "seed", "disk": {"bus": bus}})
        volumes.append({"name": "seed", "cloudInitNoCloud": {"userData": user_data}})
    devices = {"disks": disks, "interfaces": [{"name": "default", binding: {}}]}
    spec: dict[str, Any] = {
        "domain": {"memory": {"guest": memory}, "devices": devices},
        "networks": [{"name": "default", "pod": {}}],
        "volumes": volumes,
    }
    if grace is not None:
        spec["terminationGracePeriodSeconds"] = grace
    return spec


def diskless(machine: dict[str, Any], node: str = "") -> dict[str, Any]:
    """The same VM or VMI without any disk, on that node: its firmware runs, which is enough where nobody asks it."""
    spec = machine["spec"].get("template", machine)["spec"]
    spec["volumes"] = spec["domain"]["devices"]["disks"] = []
    if node:
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
    return machine


def vmi(name: str, namespace: str, **options: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": {"app": name}}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": meta,
        "spec": vmi_spec(**options),
    }


def vm(name: str, namespace: str, strategy: str = "Always", **options: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    template = {"metadata": {"labels": {"app": name}}, "spec": vmi_spec(**options)}
    spec = {"runStrategy": strategy, "template": template}
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": meta, "spec": spec}
