"""What a launcher pod asks of its node: CPU, memory with overhead, devices."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Final

from api.cpu_memory import Memory
from api.quantity import Family, Quantity, add_quantities, compare_quantities, format_quantity, quantity_bytes
from virt_controller.plan.launcher import Launcher
from virt_model import devices, overhead

Json = dict[str, Any]
_OWN_STORAGE: Final = "50M"
_BY_US: Final = ("cpu", "memory")


def memory_overhead(launcher: Launcher) -> int:
    """Bytes beyond the guest's memory."""
    spec, domain = launcher.spec, launcher.spec.domain
    probes = [probe for probe in (spec.liveness_probe, spec.readiness_probe) if probe is not None]
    security = domain.launch_security
    guest = overhead.Guest(
        requested_memory=quantity_bytes(domain.resources.requests.get("memory", 0)),
        vcpus=launcher.vcpus,
        architecture=launcher.architecture,
        emulated=launcher.config.use_emulation,
        graphics=domain.devices.autoattach_graphics_device is not False,
        vfio=bool(domain.devices.host_devices or domain.devices.gpus),
        downward_metrics=domain.devices.downward_metrics is not None,
        exec_probes=sum(probe.exec is not None or probe.guest_agent_ping is not None for probe in probes),
        encrypted=security is not None and (security.sev is not None or security.snp is not None),
        tpm=domain.devices.tpm is not None and domain.devices.tpm.enabled is not False,
        guaranteed=is_guaranteed(launcher),
        reserved=_reserved(domain.memory),
    )
    return overhead.memory_overhead(guest, launcher.config.overhead_ratio)


def _reserved(memory: Memory | None) -> int:
    own = memory.reserved_overhead if memory is not None else None
    return quantity_bytes(own.added_overhead or 0) if own is not None else 0


def is_guaranteed(launcher: Launcher) -> bool:
    """Whether limits equal requests, so that the kubelet puts the pod into its best class."""
    if launcher.cpu.dedicated_cpu_placement:
        return True
    resources = launcher.spec.domain.resources
    return all(
        name in resources.limits
        and compare_quantities(resources.requests.get(name, resources.limits[name]), resources.limits[name]) == 0
        for name in _BY_US
    )


def resources(launcher: Launcher) -> Json:
    """`resources` of the compute container."""
    given = launcher.spec.domain.resources
    requests: Json = {name: value for name, value in given.requests.items() if name not in _BY_US}
    limits: Json = {name: value for name, value in given.limits.items() if name not in _BY_US}
    requests["ephemeral-storage"] = _plus(requests.get("ephemeral-storage"), _OWN_STORAGE)
    if "ephemeral-storage" in limits:
        limits["ephemeral-storage"] = _plus(limits["ephemeral-storage"], _OWN_STORAGE)
    _cpu(launcher, requests, limits)
    _memory(launcher, requests, limits)
    wanted = devices.required(
        emulation=launcher.config.use_emulation, nics=launcher.has_nics, virtio_nics=launcher.has_virtio_nics
    )
    for resource in wanted:
        requests[resource] = limits[resource] = "1"
    return {"requests": requests, "limits": limits} if limits else {"requests": requests}


def _plus(given: Quantity | None, own: str) -> str:
    return own if given is None else add_quantities(given, own)


def _cpu(launcher: Launcher, requests: Json, limits: Json) -> None:
    given, cpu = launcher.spec.domain.resources, launcher.cpu
    if cpu.dedicated_cpu_placement:
        count = launcher.vcpus + (1 if cpu.isolate_emulator_thread else 0)
        requests["cpu"] = limits["cpu"] = str(count)
        return
    by_ratio = f"{max(1, launcher.vcpus * 1000 // launcher.config.cpu_allocation_ratio)}m"
    requests["cpu"] = format_quantity(given.requests.get("cpu", by_ratio))
    if "cpu" in given.limits:
        limits["cpu"] = given.limits["cpu"]


def _memory(launcher: Launcher, requests: Json, limits: Json) -> None:
    domain = launcher.spec.domain
    extra = memory_overhead(launcher)
    guest = quantity_bytes(domain.memory.guest or 0) if domain.memory else 0
    if domain.memory is not None and domain.memory.hugepages is not None:
        pages = f"hugepages-{domain.memory.hugepages.page_size}"
        requests[pages] = limits[pages] = _binary(guest)
        requests["memory"] = _binary(extra)
        return
    own = domain.resources.requests.get("memory", domain.resources.limits.get("memory"))
    base = quantity_bytes(own) if own is not None else guest * 100 // launcher.config.memory_overcommit
    requests["memory"] = _binary(base if domain.resources.overcommit_guest_overhead else base + extra)
    if "memory" in domain.resources.limits:
        limits["memory"] = _binary(quantity_bytes(domain.resources.limits["memory"]) + extra)
    elif launcher.cpu.dedicated_cpu_placement:
        limits["memory"] = requests["memory"]


def _binary(size: int) -> str:
    return format_quantity(Fraction(size), Family.BINARY_SI)
