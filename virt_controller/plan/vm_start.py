"""What a start creates: the revision that keeps the VM's spec of that moment, and the VMI made of its template."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from virt_controller.plan import strategy
from virt_model import labels, names
from virt_model.seen import Vm, Vmi

Json = dict[str, Any]


def owner_reference(vm: Vm) -> Json:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "name": vm.name,
        "uid": vm.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def revision_name(vm: Vm) -> str:
    return names.start_revision_name(vm.uid, vm.generation)


def made_of(vmi: Vmi, vm: Vm) -> bool:
    """Whether the VMI is known to have been made of the VM as it is now; one that was adopted was made of another."""
    name = str(vmi.status.get("virtualMachineRevisionName") or "")
    adopted = bool(name) and not name.startswith(names.start_revision_prefix(vm.uid))
    return not adopted and vmi.started_generation in (None, vm.generation)


def revision(vm: Vm) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": revision_name(vm),
            "namespace": vm.namespace,
            "ownerReferences": [owner_reference(vm)],
        },
        "data": {"spec": deepcopy(vm.spec)},
        "revision": vm.generation,
    }


def instance(vm: Vm) -> Json:
    """The VMI of a VM: its name, its template's labels, annotations and spec."""
    template = deepcopy(vm.template)
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    if strategy.paused_start_requested(vm):
        spec["startStrategy"] = "Paused"
    firmware = spec.setdefault("domain", {}).setdefault("firmware", {})
    firmware.setdefault("uuid", names.firmware_uuid_of_old_vm(vm.name))
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {
            "name": vm.name,
            "namespace": vm.namespace,
            "labels": metadata.get("labels") or {},
            "annotations": {
                **(metadata.get("annotations") or {}),
                labels.VM_GENERATION: str(vm.generation),
                **observed_api_version(),
            },
            "finalizers": [labels.VM_FINALIZER],
            "ownerReferences": [owner_reference(vm)],
        },
        "spec": spec,
        "status": {"virtualMachineRevisionName": revision_name(vm)},
    }


def observed_api_version() -> dict[str, str]:
    """Annotations that say in which version of the API we saw and stored an object."""
    return {labels.OBSERVED_API_VERSION: "v1", labels.STORAGE_API_VERSION: "v1"}
