"""What libvirt counts of a guest, as samples of `virt_model.monitoring.guest_rows`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from virt_model.monitoring.label_names import label_pairs
from virt_model.monitoring.row import Sample

Json = dict[str, Any]
_NANO, _KIB = 1e-9, 1024.0
_PREFIX: Final = "kubevirt_vmi_"
_VCPU_STATES: Final = {0: "offline", 1: "running", 2: "blocked"}

#: libvirt's name, ours, and what one of its units is in ours
DOMAIN: Final = (
    ("cpu.time", "cpu_usage_seconds_total", _NANO),
    ("cpu.user", "cpu_user_usage_seconds_total", _NANO),
    ("cpu.system", "cpu_system_usage_seconds_total", _NANO),
    ("vcpu.affinities", "node_cpu_affinity", 1.0),
    ("balloon.maximum", "memory_domain_bytes", _KIB),
    ("balloon.current", "memory_actual_balloon_bytes", _KIB),
    ("balloon.rss", "memory_resident_bytes", _KIB),
    ("balloon.available", "memory_available_bytes", _KIB),
    ("balloon.unused", "memory_unused_bytes", _KIB),
    ("balloon.usable", "memory_usable_bytes", _KIB),
    ("balloon.disk_caches", "memory_cached_bytes", _KIB),
    ("balloon.swap_in", "memory_swap_in_traffic_bytes", _KIB),
    ("balloon.swap_out", "memory_swap_out_traffic_bytes", _KIB),
    ("balloon.major_fault", "memory_pgmajfault_total", 1.0),
    ("balloon.minor_fault", "memory_pgminfault_total", 1.0),
    ("dirtyrate.megabytes_per_second", "dirty_rate_bytes_per_second", 1024.0 * 1024.0),
    ("migration.data_total", "migration_data_bytes_total", 1.0),
    ("migration.data_processed", "migration_data_processed_bytes", 1.0),
    ("migration.data_remaining", "migration_data_remaining_bytes", 1.0),
    ("migration.memory_dirty_rate", "migration_dirty_memory_rate_bytes", 1.0),
    ("migration.memory_bps", "migration_memory_transfer_rate_bytes", 1.0),
)
#: the same of `net.N.*`; libvirt counts taps from the guest's side already
NET: Final = tuple(
    (f"{short}.{theirs}", f"network_{way}_{ours}_total", 1.0)
    for short, way in (("rx", "receive"), ("tx", "transmit"))
    for theirs, ours in (("bytes", "bytes"), ("pkts", "packets"), ("errs", "errors"), ("drop", "packets_dropped"))
)
BLOCK: Final = (
    ("rd.reqs", "storage_iops_read_total", 1.0),
    ("wr.reqs", "storage_iops_write_total", 1.0),
    ("rd.bytes", "storage_read_traffic_bytes_total", 1.0),
    ("wr.bytes", "storage_write_traffic_bytes_total", 1.0),
    ("rd.times", "storage_read_times_seconds_total", _NANO),
    ("wr.times", "storage_write_times_seconds_total", _NANO),
    ("fl.reqs", "storage_flush_requests_total", 1.0),
    ("fl.times", "storage_flush_times_seconds_total", _NANO),
)


class FileSystem(Struct, frozen=True, kw_only=True):
    """A file system of the guest, as its agent tells; sizes in bytes."""

    disk_name: str
    mount_point: str
    type: str
    used: int
    total: int


def samples(
    vmi: Json,
    node: str,
    values: Mapping[str, int],
    devices: Mapping[str, str],
    file_systems: Iterable[FileSystem] = (),
    load: Sequence[float] = (),
) -> list[Sample]:
    """All samples of one guest. `values`, `devices` and `load` are those of `virt_ipc.messages.DomainStats`."""
    metadata = vmi["metadata"]
    guest = (node, str(metadata["namespace"]), str(metadata["name"]))
    extra = label_pairs(metadata.get("labels") or {}, "kubernetes_vmi_label_")
    found = [
        *_domain(values),
        *_vcpus(values),
        *_devices(values, devices),
        *_file_systems(file_systems),
        *_load(load),
    ]
    return [Sample(_PREFIX + name, (*guest, *labels), round(value, 9), extra) for name, labels, value in found]


Found = Iterator[tuple[str, tuple[str, ...], float]]


def _domain(values: Mapping[str, int]) -> Found:
    for theirs, ours, unit in DOMAIN:
        if theirs in values:
            yield ours, (), values[theirs] * unit


def _vcpus(values: Mapping[str, int]) -> Found:
    for number in range(min(values.get("vcpu.maximum", 0), len(values))):
        vcpu, identity = f"vcpu.{number}", str(number)
        if f"{vcpu}.time" in values:
            state = _VCPU_STATES.get(values.get(f"{vcpu}.state", -1), "unknown")
            yield "vcpu_seconds_total", (identity, state), values[f"{vcpu}.time"] * _NANO
        for what in ("wait", "delay"):
            if f"{vcpu}.{what}" in values:
                yield f"vcpu_{what}_seconds_total", (identity,), values[f"{vcpu}.{what}"] * _NANO


def _devices(values: Mapping[str, int], devices: Mapping[str, str]) -> Found:
    for device, name in devices.items():
        for theirs, ours, unit in NET if device.startswith("net.") else BLOCK:
            if f"{device}.{theirs}" in values:
                yield ours, (name,), values[f"{device}.{theirs}"] * unit
        for way in ("rx", "tx"):
            if f"{device}.{way}.bytes" in values:
                yield "network_traffic_bytes_total", (name, way), float(values[f"{device}.{way}.bytes"])


def _file_systems(found: Iterable[FileSystem]) -> Found:
    """Each mount point once: a guest may say what it likes, and a scrape with one sample twice is none."""
    for each in {each.mount_point: each for each in found if each.total}.values():
        labels = (each.disk_name, each.mount_point, each.type)
        yield "filesystem_capacity_bytes", labels, each.total
        yield "filesystem_used_bytes", labels, each.used


def _load(load: Sequence[float]) -> Found:
    for minutes, value in zip(("1m", "5m", "15m"), load, strict=False):
        yield f"guest_load_{minutes}", (), value
