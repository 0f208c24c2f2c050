"""`virtctl create clone`: of a VM or a snapshot, to a VM."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from virtctl.failure import CommandFailed

Json = dict[str, Any]
_VM: Final = {"name": "", "kind": "VirtualMachine", "apiGroup": "kubevirt.io"}
_SNAPSHOT: Final = {"name": "", "kind": "VirtualMachineSnapshot", "apiGroup": "snapshot.kubevirt.io"}
_VM_WORDS: Final = ("vm", "VM", "VirtualMachine", "virtualmachine")
_SNAPSHOT_WORDS: Final = ("snapshot", "VirtualMachineSnapshot", "vmsnapshot", "VMSnapshot")
_TARGETS: Final = dict.fromkeys(_VM_WORDS, _VM)
_SOURCES: Final = {**_TARGETS, **dict.fromkeys(_SNAPSHOT_WORDS, _SNAPSHOT)}


class CloneWish(msgspec.Struct, frozen=True, kw_only=True):
    """The flags by their names."""

    name: str
    namespace: str = ""
    source_name: str
    target_name: str = ""
    source_type: str = "vm"
    target_type: str = "vm"
    label_filter: tuple[str, ...] = ()
    annotation_filter: tuple[str, ...] = ()
    new_mac_address: tuple[str, ...] = ()
    new_smbios_serial: str = ""


def clone(wish: CloneWish) -> Json:
    """The manifest. Raises CommandFailed."""
    if not wish.source_name:
        raise CommandFailed("source name must not be empty")
    spec: Json = {
        "source": _reference("source", _SOURCES, wish.source_type, wish.source_name, "vm, vmsnapshot"),
        "target": _reference("target", _TARGETS, wish.target_type, wish.target_name, "vm"),
        "labelFilters": list(wish.label_filter),
        "annotationFilters": list(wish.annotation_filter),
        "newMacAddresses": dict(_mac(text) for text in wish.new_mac_address),
        "newSMBiosSerial": wish.new_smbios_serial,
    }
    metadata = {"name": wish.name} | ({"namespace": wish.namespace} if wish.namespace else {})
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": metadata,
        "spec": {key: value for key, value in spec.items() if value},
    }


def _reference(which: str, known: dict[str, Json], word: str, name: str, supported: str) -> Json:
    if word not in known:
        raise CommandFailed(f"{which} type {word} is not supported. Supported types: {supported}")
    return {**known[word], "name": name}


def _mac(text: str) -> tuple[str, str]:
    parts = text.split(":")
    if len(parts) != 2:
        raise CommandFailed(
            f"newMacAddress parameter {text} is invalid: exactly one ':' is expected."
            " For example: 'interface0:address0'"
        )
    nic, address = parts
    if not nic:
        raise CommandFailed(f"newMacAddress parameter {text} has empty interface name")
    if not address:
        raise CommandFailed(f"newMacAddress parameter {text} has empty address name")
    return nic, address
