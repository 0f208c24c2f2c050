"""Defaults of a VMI's board, CPU and memory.

CPU topology is filled only where none of sockets, cores and threads is said: who says `cores: 2` alone gets just that,
and no room for hot-plugged sockets. Memory flows from the resources to `memory.guest`, never back.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from api.quantity import Family, format_quantity, is_quantity, parse_quantity
from virt_api.plan.reading import Raw, amount, find, has, number, table, text
from virt_model.config import ClusterConfig

_BUILT_IN_CPU_REQUEST = "100m"
_MOST_VCPUS = 512
_GIB = Fraction(2**30)
_HUGE_PAGE = Fraction(2**21)
_HOTPLUG_SHY = (("cpu", "realtime"), ("cpu", "numa", "guestMappingPassthrough"), ("launchSecurity",))
TOPOLOGY = ("cores", "sockets", "threads")


def within(draft: Raw, *path: str) -> Raw:
    """The object at a path of the draft, made where it is absent."""
    for step in path:
        if not isinstance(draft.get(step), dict):
            draft[step] = {}
        draft = draft[step]
    return draft


def fill_architecture(spec: Raw, config: ClusterConfig) -> None:
    if not text(spec, "architecture"):
        spec["architecture"] = config.default_architecture


def fill_machine(spec: Raw, config: ClusterConfig) -> None:
    if not text(spec, "domain", "machine", "type"):
        within(spec, "domain", "machine")["type"] = config.machine_type(text(spec, "architecture"))


def fill_cpu_request(spec: Raw, config: ClusterConfig) -> None:
    """A limit is also the request; without either, the cluster's default unless that is the built-in one."""
    if has(spec, "domain", "resources", "requests", "cpu"):
        return
    limit = find(spec, "domain", "resources", "limits", "cpu")
    wanted = limit if limit is not None else config.cpu_request
    if limit is not None or config.cpu_request != _BUILT_IN_CPU_REQUEST:
        within(spec, "domain", "resources", "requests")["cpu"] = wanted


def fill_guest_memory(spec: Raw) -> None:
    """`memory.guest` from the request, else the limit, else the size of one huge page."""
    if has(spec, "domain", "memory", "guest"):
        return
    sources = (
        ("domain", "resources", "requests", "memory"),
        ("domain", "resources", "limits", "memory"),
        ("domain", "memory", "hugepages", "pageSize"),
    )
    for source in sources:
        if (size := amount(spec, *source)) is not None and size != 0:
            within(spec, "domain", "memory")["guest"] = format_quantity(find(spec, *source))
            return


def fill_topology(spec: Raw) -> None:
    """One core, one thread, and as many sockets as the resources ask CPUs for."""
    if any(number(spec, "domain", "cpu", part) for part in TOPOLOGY):
        return
    resources = table(spec, "domain", "resources")
    asked = amount(resources, "limits", "cpu") or amount(resources, "requests", "cpu") or Fraction(1)
    within(spec, "domain", "cpu").update(cores=1, threads=1, sockets=max(1, ceil(asked)))


def fill_cpu_model(spec: Raw, config: ClusterConfig) -> None:
    if not text(spec, "domain", "cpu", "model"):
        built_in = "host-passthrough" if text(spec, "architecture") == "arm64" else "host-model"
        within(spec, "domain", "cpu")["model"] = config.cpu_model or built_in


def fill_max_sockets(spec: Raw, config: ClusterConfig) -> None:
    """Room for CPU hotplug where updates are rolled out live: the cluster's number or a multiple of the sockets."""
    cpu = table(spec, "domain", "cpu")
    sockets = number(cpu, "sockets") or 0
    if not _rolls_out_live(config) or sockets < 1 or number(cpu, "maxSockets") or text(spec, "architecture") == "arm64":
        return
    per_socket = max(1, number(cpu, "cores") or 1) * max(1, number(cpu, "threads") or 1)
    wanted = config.live_update.max_cpu_sockets or sockets * config.live_update.max_hotplug_ratio
    cpu["maxSockets"] = max(sockets, min(wanted, _MOST_VCPUS // per_socket))


def fill_max_guest(spec: Raw, config: ClusterConfig) -> None:
    """Room for memory hotplug: for guests of at least 1 GiB in whole huge pages, on amd64."""
    guest = amount(spec, "domain", "memory", "guest") or Fraction(0)
    domain = table(spec, "domain")
    if not _rolls_out_live(config) or text(spec, "architecture") != "amd64" or has(domain, "memory", "maxGuest"):
        return
    if guest < _GIB or guest % _HUGE_PAGE or any(has(domain, *shy) for shy in _HOTPLUG_SHY):
        return
    limits = config.live_update
    most = parse_quantity(limits.max_guest) if is_quantity(limits.max_guest) else guest * limits.max_hotplug_ratio
    within(spec, "domain", "memory")["maxGuest"] = format_quantity(max(guest, most), Family.BINARY_SI)


def _rolls_out_live(config: ClusterConfig) -> bool:
    return config.vm_rollout_strategy == "LiveUpdate"
