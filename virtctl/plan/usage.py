"""What guests use, from two scrapes of virt-handler's metrics: rates are differences over the time between them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

Key = tuple[str, str]  # namespace and name of a VMI
_LINE: Final = re.compile(r'(kubevirt_vmi_\w+)\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\} (\S+)')
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_COUNTERS: Final = {
    "kubevirt_vmi_cpu_usage_seconds_total": "cpu",
    "kubevirt_vmi_network_receive_bytes_total": "received",
    "kubevirt_vmi_network_transmit_bytes_total": "sent",
    "kubevirt_vmi_storage_read_traffic_bytes_total": "read",
    "kubevirt_vmi_storage_write_traffic_bytes_total": "written",
}
_GAUGES: Final = {
    "kubevirt_vmi_memory_domain_bytes": "memory",
    "kubevirt_vmi_memory_resident_bytes": "resident",
    "kubevirt_vmi_memory_available_bytes": "available",
    "kubevirt_vmi_memory_usable_bytes": "usable",
}
_KNOWN: Final = _COUNTERS | _GAUGES


class Scrape(msgspec.Struct, frozen=True):
    """What one scrape said, at a moment in seconds of any clock. Values of several devices are summed."""

    at: float
    values: Mapping[Key, Mapping[str, float]]
    nodes: Mapping[Key, str]


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """CPU in cores, memory in bytes, traffic in bytes a second. None: nobody told."""

    namespace: str
    name: str
    node: str
    cpu: float | None
    used: float | None  # of its memory, as the guest's own kernel counts
    memory: float | None
    resident: float | None
    received: float | None
    sent: float | None
    read: float | None
    written: float | None


def scrape(at: float, text: str) -> Scrape:
    """From the text that Prometheus reads."""
    values: dict[Key, dict[str, float]] = {}
    nodes: dict[Key, str] = {}
    for name, labels, value in _LINE.findall(text):
        if name not in _KNOWN:
            continue
        told = dict(_LABEL.findall(labels))
        key = (told.get("namespace", ""), told.get("name", ""))
        nodes[key] = told.get("node", "")
        of_guest = values.setdefault(key, {})
        of_guest[_KNOWN[name]] = of_guest.get(_KNOWN[name], 0.0) + float(value)
    return Scrape(at, values, nodes)


def usages(before: Scrape, after: Scrape, namespace: str | None) -> list[Usage]:
    """Of the guests of the second scrape, the busiest first. `namespace` None means all."""
    found = [_usage(key, before, after) for key in after.values if namespace in (None, key[0])]
    return sorted(found, key=lambda each: (-(each.cpu or 0.0), each.namespace, each.name))


def _usage(key: Key, before: Scrape, after: Scrape) -> Usage:
    now, then, span = after.values[key], before.values.get(key, {}), after.at - before.at
    grown = {field: now[field] - then[field] for field in _COUNTERS.values() if field in now and field in then}
    # a counter that went back is that of another process: nothing can be said of its rate yet
    rates = {field: grown[field] / span if grown.get(field, -1.0) >= 0 else None for field in _COUNTERS.values()}
    used = now["available"] - now["usable"] if "available" in now and "usable" in now else None
    return Usage(
        namespace=key[0],
        name=key[1],
        node=after.nodes[key],
        used=used,
        memory=now.get("memory"),
        resident=now.get("resident"),
        **rates,
    )


_COLUMNS: Final = ("NAME", "NODE", "CPU", "USED", "MEMORY", "RESIDENT", "NET-IN/s", "NET-OUT/s", "READ/s", "WRITE/s")


def table(found: Iterable[Usage], with_namespace: bool) -> list[str]:
    """Lines of equal columns, as kubectl prints them."""
    heads = ["NAMESPACE"] * with_namespace + list(_COLUMNS)
    rows = [heads] + [[each.namespace] * with_namespace + _cells(each) for each in found]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    return ["   ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _cells(each: Usage) -> list[str]:
    cpu = f"{each.cpu * 1000:.0f}m" if each.cpu is not None else "-"
    sizes = (each.used, each.memory, each.resident, each.received, each.sent, each.read, each.written)
    return [each.name, each.node, cpu, *map(_size, sizes)]


def _size(value: float | None) -> str:
    if value is None:
        return "-"
    for unit in ("", "Ki", "Mi", "Gi"):
        if value < 1024:
            return f"{value:.0f}{unit}"
        value /= 1024
    return f"{value:.1f}Ti"
