"""Small objects for tests of plans."""

from __future__ import annotations

from typing import Any

from virt_controller.plan.vm_world import VmWorld
from virt_controller.plan.vmi_world import VmiWorld
from virt_model import labels, names
from virt_model.config import ClusterConfig
from virt_model.seen import Pod, Vm, Vmi

Json = dict[str, Any]
NOW = 1_800_000_000.0
CONFIG = ClusterConfig(use_emulation=True)
SPEC: Json = {"domain": {"devices": {}, "firmware": {"uuid": "u"}, "memory": {"guest": "64Mi"}}, "volumes": []}


def vm(strategy: str = "Always", status: Json | None = None, **metadata: Any) -> Vm:
    own = {"name": "a", "namespace": "n", "uid": "vm-uid", "resourceVersion": "1", "generation": 1}
    own |= {"finalizers": [labels.VM_FINALIZER], **metadata}
    spec = {"runStrategy": strategy, "template": {"metadata": {}, "spec": SPEC}}
    raw: Json = {"kind": "VirtualMachine", "apiVersion": "kubevirt.io/v1", "metadata": own, "spec": spec}
    return Vm({**raw, "status": status} if status is not None else raw)


def vmi(
    phase: str = "Pending", status: Json | None = None, ran: bool = False, owner: str = "vm-uid", **metadata: Any
) -> Vmi:
    reference = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "name": "a",
        "uid": owner,
        "controller": True,
    }
    own = {"name": "a", "namespace": "n", "uid": "vmi-uid", "resourceVersion": "1", "ownerReferences": [reference]}
    own |= {"finalizers": [labels.VM_FINALIZER, labels.VMI_FINALIZER], **metadata}
    stamps = [{"phase": "Running", "phaseTransitionTimestamp": "2026-01-01T00:00:00Z"}] if ran else []
    whole = {"phase": phase, "phaseTransitionTimestamps": stamps, **(status or {})}
    return Vmi({"kind": "VirtualMachineInstance", "metadata": own, "spec": SPEC, "status": whole})


def pod(phase: str = "Pending", node: str = "node1", status: Json | None = None, **metadata: Any) -> Pod:
    reference = {"kind": "VirtualMachineInstance", "name": "a", "uid": "vmi-uid", "controller": True}
    own = {"name": names.launcher_pod_name("a", "vmi-uid"), "namespace": "n", "uid": "pod-uid", "resourceVersion": "1"}
    own |= {"ownerReferences": [reference], "labels": {}, **metadata}
    return Pod(
        {"kind": "Pod", "metadata": own, "spec": {"nodeName": node}, "status": {"phase": phase, **(status or {})}}
    )


def vm_world(machine: Vm, instance: Vmi | None = None, **more: Any) -> VmWorld:
    return VmWorld(vm=machine, vmi=instance, **{"now": NOW, **more})


def vmi_world(instance: Vmi, *pods: Pod, **more: Any) -> VmiWorld:
    return VmiWorld(vmi=instance, pods=pods, config=CONFIG, launcher_image="launcher", **{"now": NOW, **more})
