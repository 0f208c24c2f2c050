"""What is measured of a VM, from the object alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, Final

from api.quantity import InvalidQuantity, parse_quantity
from virt_controller.plan import vnic_metrics
from virt_model.conditions import Type
from virt_model.monitoring.label_names import label_pairs
from virt_model.monitoring.machine_rows import GROUPS
from virt_model.monitoring.row import Sample
from virt_model.phases import PrintableStatus as S
from virt_model.seen import Vm, seconds

Json = dict[str, Any]
#: `namespace/name` to the claim
Claims = Callable[[str], Json | None]

_GROUPED: Final = {
    "starting": (S.PROVISIONING, S.STARTING, S.WAITING_FOR_VOLUME_BINDING, S.WAITING_FOR_RECEIVER),
    "running": (S.RUNNING,),
    "migrating": (S.MIGRATING,),
    "non_running": (S.STOPPED, S.PAUSED, S.STOPPING, S.TERMINATING),
    "error": (
        S.CRASH_LOOP_BACK_OFF, S.UNKNOWN, S.UNSCHEDULABLE, S.ERR_IMAGE_PULL, S.IMAGE_PULL_BACK_OFF, S.PVC_NOT_FOUND,
        S.DATA_VOLUME_ERROR,
    ),
}  # fmt: skip
GROUP_OF: Final[dict[str, str]] = {status.value: group for group, statuses in _GROUPED.items() for status in statuses}
_TURNS: Final = (Type.READY, Type.FAILURE, Type.PAUSED)
#: instance types are not looked up: one that is named is another's
_OTHER: Final = "<other>"


class LabelFilter:
    """Which labels of VMs become labels of metrics (ConfigMap `kubevirt-vm-labels-config`): without it, all."""

    def __init__(self, config_map: Json | None) -> None:
        data = (config_map or {}).get("data") or {}
        self._allowed = _listed(data.get("allowlist", "*"))
        self._ignored = _listed(data.get("ignorelist", ""))

    def __call__(self, key: str) -> bool:
        return key not in self._ignored and ("*" in self._allowed or key in self._allowed)


def _listed(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def samples(vm: Vm, claims: Claims, shows: LabelFilter) -> list[Sample]:
    return [
        _info(vm),
        *_turns(vm),
        Sample("kubevirt_vm_create_date_timestamp_seconds", (vm.name, vm.namespace), vm.created_at or 0.0),
        _labels(vm, shows),
        *_requests(vm),
        *_limits(vm),
        *_disks(vm, claims),
        *vnic_metrics.samples("kubevirt_vm_vnic_info", vm.namespace, vm.name, _spec(vm)),
    ]


def kind_words(annotations: Json) -> tuple[str, str, str]:
    """(os, workload, flavor) as templates write them down."""
    return tuple(str(annotations.get(f"vm.kubevirt.io/{word}") or "") for word in ("os", "workload", "flavor"))  # type: ignore[return-value]


def _spec(vm: Vm) -> Json:
    return vm.template.get("spec") or {}


def _domain(vm: Vm) -> Json:
    return _spec(vm).get("domain") or {}


def _info(vm: Vm) -> Sample:
    os, workload, flavor = kind_words((vm.template.get("metadata") or {}).get("annotations") or {})
    status = str(vm.status.get("printableStatus") or "")
    machine = str((_domain(vm).get("machine") or {}).get("type") or "")
    instancetype, preference = (_OTHER if vm.spec.get(field) else "" for field in ("instancetype", "preference"))
    group = GROUP_OF.get(status, "<unknown>")
    labels = (
        vm.name, vm.namespace, os, workload, flavor, machine, instancetype, preference, status.lower(), group
    )  # fmt: skip
    return Sample("kubevirt_vm_info", labels, 1)


def _turns(vm: Vm) -> Iterator[Sample]:
    """When the group that the VM is in began, as far as its conditions tell; the other groups stand at 0."""
    now_in = GROUP_OF.get(str(vm.status.get("printableStatus") or ""), "error")
    stamps = (seconds(each.get("lastTransitionTime")) for each in vm.conditions if each.get("type") in _TURNS)
    latest = max((stamp for stamp in stamps if stamp is not None), default=0.0)
    for group in GROUPS:
        row = f"kubevirt_vm_{group}_status_last_transition_timestamp_seconds"
        yield Sample(row, (vm.name, vm.namespace), latest if group == now_in else 0.0)


def _labels(vm: Vm, shows: LabelFilter) -> Sample:
    shown = {key: value for key, value in vm.labels.items() if shows(key)}
    return Sample("kubevirt_vm_labels", (vm.name, vm.namespace), 1, label_pairs(shown, "label_"))


def _requests(vm: Vm) -> Iterator[Sample]:
    for resource, unit, source, value in (*_memory(_domain(vm)), *_cpu(_domain(vm))):
        yield Sample("kubevirt_vm_resource_requests", (vm.name, vm.namespace, resource, unit, source), value)


def _memory(domain: Json) -> Iterator[tuple[str, str, str, float]]:
    memory = domain.get("memory") or {}
    requested = _amount((domain.get("resources") or {}).get("requests"), "memory")
    guest = _amount(memory, "guest")
    found = {
        "domain": requested,
        "guest": guest,
        "hugepages": _amount(memory.get("hugepages"), "pageSize"),
        "guest_effective": guest or requested,
    }
    yield from (("memory", "bytes", source, value) for source, value in found.items() if value)


def _cpu(domain: Json) -> Iterator[tuple[str, str, str, float]]:
    cpu, requested = domain.get("cpu"), _amount((domain.get("resources") or {}).get("requests"), "cpu")
    units = ("cores", "threads", "sockets")
    if cpu is not None:
        yield from (("cpu", unit, "domain", float(cpu[unit])) for unit in units if cpu.get(unit))
    elif not requested:
        yield from (("cpu", unit, "default", 1.0) for unit in units)
    if requested:
        yield "cpu", "cores", "requests", requested
    yield "cpu", "cores", "guest_effective", float(prod((cpu or {}).get(unit) or 1 for unit in units))


def _limits(vm: Vm) -> Iterator[Sample]:
    limits = (_domain(vm).get("resources") or {}).get("limits")
    for resource, unit in (("memory", "bytes"), ("cpu", "cores")):
        if value := _amount(limits, resource):
            yield Sample("kubevirt_vm_resource_limits", (vm.name, vm.namespace, resource, unit), value)


def _disks(vm: Vm, claims: Claims) -> Iterator[Sample]:
    for volume in _spec(vm).get("volumes") or ():
        named = (volume.get("persistentVolumeClaim") or {}).get("claimName") or (volume.get("dataVolume") or {}).get(
            "name"
        )
        claim = claims(f"{vm.namespace}/{named}") if named else None
        if claim is None:
            continue
        spec = claim.get("spec") or {}
        size = _amount((spec.get("resources") or {}).get("requests"), "storage")
        labels = (vm.name, vm.namespace, str(named), str(spec.get("volumeMode") or ""), str(volume["name"]))
        yield Sample("kubevirt_vm_disk_allocated_size_bytes", labels, size)


def _amount(quantities: Json | None, key: str) -> float:
    """0 where nothing, or nothing readable, is said."""
    value = (quantities or {}).get(key)
    try:
        return float(parse_quantity(value)) if value is not None else 0.0
    except InvalidQuantity:
        return 0.0
