"""A VM as it is stored: only what must not change between two starts is written into the template.

Everything else that a VMI needs is filled into the VMI, so that a VM keeps following the cluster's defaults.
"""

from __future__ import annotations

from copy import deepcopy

from virt_api.plan.defaults.compute import fill_architecture, fill_machine, within
from virt_api.plan.defaults.vmi import PCI_TOPOLOGY, Chance
from virt_api.plan.reading import Raw, has, table, text
from virt_model import labels
from virt_model.config import ClusterConfig


def updated_vm(raw: Raw, config: ClusterConfig) -> Raw:
    """The VM with the template's architecture and machine."""
    vm = deepcopy(raw)
    if has(vm, "spec", "template"):
        spec = within(vm, "spec", "template", "spec")
        fill_architecture(spec, config)
        fill_machine(spec, config)
    return vm


def created_vm(raw: Raw, config: ClusterConfig, chance: Chance) -> Raw:
    """The same, with the identity that its guest keeps for life: firmware UUID and serial, and a PCI layout."""
    vm = updated_vm(raw, config)
    if not has(vm, "spec", "template"):
        return vm
    template = table(vm, "spec", "template")
    firmware = within(template, "spec", "domain", "firmware")
    if not text(firmware, "uuid"):
        firmware["uuid"] = chance.uuid
    if not text(firmware, "serial"):
        firmware["serial"] = chance.serial
    known = has(template, "metadata", "annotations", labels.PCI_TOPOLOGY_VERSION)
    if not known and _has_pci_layout(text(template, "spec", "domain", "machine", "type")):
        within(template, "metadata", "annotations")[labels.PCI_TOPOLOGY_VERSION] = PCI_TOPOLOGY
    return vm


def _has_pci_layout(machine: str) -> bool:
    return "q35" in machine or machine.startswith("virt")
