"""`virtctl create instancetype` and `preference`: cluster-wide, unless `--namespaced` or a namespace is given."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from api.quantity import is_quantity
from virtctl.failure import CommandFailed
from virtctl.plan.create.params import NOT_A_QUANTITY, parsed, wrong
from virtctl.plan.create.wish import texts

Json = dict[str, Any]
DEVICE: Final = texts("name", "devicename")
_API: Final = "instancetype.kubevirt.io/v1beta1"
_TOPOLOGIES: Final = ("preferCores", "preferSockets", "preferThreads")


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """Name and namespace of what is made; `namespaced` says which of the two kinds."""

    name: str
    namespace: str = ""
    namespaced: bool = False

    def manifest(self, what: str, spec: Json) -> Json:
        kind = f"VirtualMachine{what}" if self.namespaced else f"VirtualMachineCluster{what}"
        metadata = {"name": self.name} | ({"namespace": self.namespace} if self.namespace else {})
        return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": spec}


def instancetype(
    named: Named, cpu: int, memory: str, gpus: tuple[str, ...], host_devices: tuple[str, ...], policy: str | None
) -> Json:
    """`policy` is None where none was asked for. Raises CommandFailed."""
    if not is_quantity(memory):
        raise CommandFailed(NOT_A_QUANTITY)
    if cpu <= 0:
        raise CommandFailed("cpu value must be greater than zero")
    spec: Json = {"cpu": {"guest": cpu}, "memory": {"guest": memory}}
    if gpus:
        spec["gpus"] = [_device("gpu", text) for text in gpus]
    if host_devices:
        spec["hostDevices"] = [_device("hostdevice", text) for text in host_devices]
    if policy is not None:
        if policy not in ("auto", "shared"):
            raise wrong("iothreadspolicy", "IOThread must be of value auto or shared")
        spec["ioThreadsPolicy"] = policy
    return named.manifest("Instancetype", spec)


def _device(flag: str, text: str) -> Json:
    values = parsed(flag, text, DEVICE)
    for key, wire in (("name", "name"), ("devicename", "deviceName")):
        if not values.get(key):
            raise wrong(flag, f"{wire} must be specified")
    return {"name": values["name"], "deviceName": values["devicename"]}


def preference(named: Named, storage_class: str | None, machine_type: str | None, topology: str | None) -> Json:
    """None where nothing was asked for. Raises CommandFailed."""
    spec: Json = {}
    if storage_class is not None:
        spec["volumes"] = {"preferredStorageClassName": storage_class}
    if machine_type is not None:
        spec["machine"] = {"preferredMachineType": machine_type}
    if topology is not None:
        if topology not in _TOPOLOGIES:
            raise wrong("cpu-topology", "CPU topology must have a value of preferCores, preferSockets or preferThreads")
        spec["cpu"] = {"preferredCPUTopology": topology}
    return named.manifest("Preference", spec)
