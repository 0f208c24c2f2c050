"""What is measured of a VMI, from the object and its pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from api.quantity import InvalidQuantity, parse_quantity
from virt_controller.plan import vnic_metrics
from virt_controller.plan.vm_metrics import kind_words
from virt_model import eviction, labels
from virt_model.eviction import Fate
from virt_model.monitoring.row import Sample
from virt_model.phases import Phase
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]
_TYPES: Final = ("instancetype", "cluster-instancetype"), ("preference", "cluster-preference")


def samples(vmi: Vmi, pods: tuple[Pod, ...], cluster_strategy: str) -> list[Sample]:
    """`cluster_strategy` is the eviction strategy of those that name none."""
    evictable = _evictable(vmi, cluster_strategy)
    who = (vmi.node, vmi.namespace, vmi.name)
    return [
        _info(vmi, pods, evictable),
        Sample("kubevirt_vmi_non_evictable", who, 0 if evictable else 1),
        *_addresses(vmi, who),
        *vnic_metrics.samples("kubevirt_vmi_vnic_info", vmi.namespace, vmi.name, vmi.spec),
        *_overhead(vmi),
    ]


def outdated(vmi: Vmi) -> bool:
    """Whether it runs in a launcher of an earlier release."""
    return labels.OUTDATED_LAUNCHER_IMAGE in vmi.labels


def transitions(old: Vmi, new: Vmi) -> Iterator[Sample]:
    """The seconds that a change of phase took, one for each histogram that it belongs to.

    Stamps have whole seconds, so short steps take 0 or 1.
    """
    at = new.entered_at(new.phase)
    if old.phase is new.phase or at is None:
        return
    phase, before = new.phase.value, old.entered_at(old.phase) or new.created_at
    row = "kubevirt_vmi_phase_transition_time_"
    if before is not None:
        yield Sample(f"{row}seconds", (phase, old.phase.value), max(0.0, at - before))
    if new.created_at is not None:
        yield Sample(f"{row}from_creation_seconds", (phase,), max(0.0, at - new.created_at))
    if new.deleted_at is not None and new.phase.final:
        yield Sample(f"{row}from_deletion_seconds", (phase,), max(0.0, at - new.deleted_at))


def _info(vmi: Vmi, pods: tuple[Pod, ...], evictable: bool) -> Sample:
    os, workload, flavor = kind_words(dict(vmi.annotations))
    guest = vmi.status.get("guestOSInfo") or {}
    # An annotation names the instance type; its own labels, which would allow to show its name, are not looked up.
    typed = ("<other>" if any(f"kubevirt.io/{a}-name" in vmi.annotations for a in names) else "" for names in _TYPES)
    values = (
        vmi.node, vmi.namespace, vmi.name, vmi.phase.value.lower(), os, workload, flavor, *typed,
        str(guest.get("kernelRelease") or ""), str((vmi.status.get("machine") or {}).get("type") or ""),
        str(guest.get("machine") or ""), str(guest.get("name") or ""), str(guest.get("versionId") or ""),
        _word(evictable), _word(outdated(vmi)), _running_pod(vmi, pods),
    )  # fmt: skip
    return Sample("kubevirt_vmi_info", values, 1)


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _running_pod(vmi: Vmi, pods: tuple[Pod, ...]) -> str:
    return next((pod.name for pod in pods if pod.phase == "Running" and pod.node == vmi.node), "")


def _evictable(vmi: Vmi, cluster_strategy: str) -> bool:
    """Whether an eviction that shall migrate the VMI could."""
    return eviction.fate(vmi, cluster_strategy) is not Fate.STAYS


def _addresses(vmi: Vmi, who: tuple[str, str, str]) -> Iterator[Sample]:
    for nic in vmi.status.get("interfaces") or ():
        name, device, address = (str(nic.get(field) or "") for field in ("name", "interfaceName", "ipAddress"))
        if name or device or address:
            kind = "ExternalInterface" if address else "SystemInterface"
            yield Sample("kubevirt_vmi_status_addresses", (*who, name, device, address, kind), 1)


def _overhead(vmi: Vmi) -> Iterator[Sample]:
    said = (vmi.status.get("memory") or {}).get("memoryOverhead")
    if said is None or vmi.phase not in (Phase.SCHEDULING, Phase.SCHEDULED, Phase.RUNNING):
        return
    try:
        size = float(parse_quantity(said))
    except InvalidQuantity:
        return
    yield Sample("kubevirt_vmi_launcher_memory_overhead_bytes", (vmi.namespace, vmi.name), size)
