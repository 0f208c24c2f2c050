"""A VMI as it is stored: spec, metadata and the first status, filled in at creation."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from virt_api.plan.defaults.compute import (
    TOPOLOGY,
    fill_architecture,
    fill_cpu_model,
    fill_cpu_request,
    fill_guest_memory,
    fill_machine,
    fill_max_guest,
    fill_max_sockets,
    fill_topology,
    within,
)
from virt_api.plan.defaults.devices import (
    fill_disks,
    fill_inputs,
    fill_pod_network,
    fill_pull_policies,
    fill_watchdog,
)
from virt_api.plan.defaults.features import fill_features, fill_probes
from virt_api.plan.reading import Raw, find, flag, has, number, table, text
from virt_model import labels
from virt_model.config import ClusterConfig
from virt_model.phases import Phase

PCI_TOPOLOGY = "v3"
_QEMU_USER = 107
_ROOT = 0


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """What a default takes from outside: two random UUIDs and the time (RFC 3339)."""

    uuid: str
    serial: str
    now: str


def created_vmi(raw: Raw, config: ClusterConfig, chance: Chance) -> Raw:
    """The VMI with everything filled in that its author left open. Twice gives the same as once."""
    vmi = deepcopy(raw)
    spec = within(vmi, "spec")
    _fill_spec(spec, config)
    firmware = within(spec, "domain", "firmware")
    if not text(firmware, "uuid"):
        firmware["uuid"] = chance.uuid
    _fill_metadata(within(vmi, "metadata"))
    vmi["status"] = _first_status(spec, config, chance.now)
    return vmi


def filled_spec(raw: Raw, config: ClusterConfig) -> Raw:
    """A VMI spec with its defaults, but for what is random."""
    spec = deepcopy(raw)
    _fill_spec(spec, config)
    return spec


def _fill_spec(spec: Raw, config: ClusterConfig) -> None:
    fill_architecture(spec, config)
    fill_machine(spec, config)
    within(spec, "domain", "resources")
    fill_cpu_request(spec, config)
    fill_guest_memory(spec)
    fill_topology(spec)
    fill_cpu_model(spec, config)
    fill_pull_policies(spec)
    if not text(spec, "evictionStrategy"):
        spec["evictionStrategy"] = config.eviction_strategy or "None"
    fill_pod_network(spec, config)
    fill_disks(spec)
    fill_inputs(spec)
    fill_features(spec)
    fill_watchdog(spec)
    fill_probes(spec)
    _fill_secure_boot(spec)
    fill_max_sockets(spec, config)
    fill_max_guest(spec, config)


def _fill_secure_boot(spec: Raw) -> None:
    efi = find(spec, "domain", "firmware", "bootloader", "efi")
    if text(spec, "architecture") == "arm64" and isinstance(efi, dict) and flag(efi, "secureBoot") is None:
        efi["secureBoot"] = False


def _fill_metadata(metadata: Raw) -> None:
    known = metadata.get("finalizers")
    finalizers = known if isinstance(known, list) else []
    if labels.VMI_FINALIZER not in finalizers:
        metadata["finalizers"] = [*finalizers, labels.VMI_FINALIZER]
    if not has(metadata, "annotations", labels.PCI_TOPOLOGY_VERSION):
        within(metadata, "annotations")[labels.PCI_TOPOLOGY_VERSION] = PCI_TOPOLOGY


def _first_status(spec: Raw, config: ClusterConfig, now: str) -> dict[str, Any]:
    status: dict[str, Any] = {
        "phase": Phase.PENDING.value,
        "phaseTransitionTimestamps": [{"phase": Phase.PENDING.value, "phaseTransitionTimestamp": now}],
        "guestOSInfo": {},
        "runtimeUser": _ROOT if config.gate("Root") else _QEMU_USER,
    }
    cpu = table(spec, "domain", "cpu")
    if topology := {part: count for part in TOPOLOGY if (count := number(cpu, part))}:
        status["currentCPUTopology"] = topology
    guest = find(spec, "domain", "memory", "guest")
    if guest is not None:
        status["memory"] = {"guestAtBoot": guest, "guestCurrent": guest, "guestRequested": guest}
    return status
