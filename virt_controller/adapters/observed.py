"""Metrics of virt-controller: the table, and what is counted from the stores when it is scraped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.time import InvalidTime, parse_time
from virt_controller.adapters.caches import Caches
from virt_model.seen import Seen, Vm, Vmi
from virt_runtime.metrics import Metrics, Row, client_rows
from virt_runtime.resources import Json

_SECONDS: Final = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
TABLE: Final = (
    Row(
        name="kubevirt_vmi_phase_transition_time_seconds",
        kind="histogram",
        doc="Seconds between two phases of a VMI.",
        labels=("phase", "last_phase"),
        buckets=_SECONDS,
    ),
    Row(
        name="kubevirt_vmi_phase_transition_time_from_creation_seconds",
        kind="histogram",
        doc="Seconds from the creation of a VMI to a phase.",
        labels=("phase",),
        buckets=_SECONDS,
    ),
    *client_rows("kubevirt"),
)


class StoreCollector(Collector):
    """Gauges that need no bookkeeping: the stores are the truth."""

    def __init__(self, caches: Callable[[], Caches | None], is_leader: Callable[[], bool]) -> None:
        self._caches, self._is_leader = caches, is_leader

    def collect(self) -> Iterable[Metric]:
        leads = self._is_leader()
        yield GaugeMetricFamily("kubevirt_virt_controller_leading_status", "1 on the replica that leads.", float(leads))
        yield GaugeMetricFamily("kubevirt_virt_controller_ready_status", "1 once it can do its work.", 1.0)
        caches = self._caches()
        if leads and caches is not None:
            yield _phases(caches)
            yield _instances(caches)
            yield _machines(caches)


def _phases(caches: Caches) -> Metric:
    family = GaugeMetricFamily("kubevirt_vmi_phase_count", "VMIs by phase and node.", labels=("phase", "node"))
    counted = Counter((vmi.phase.value.lower(), vmi.node) for vmi in map(Vmi, caches.vmis.store.list()))
    for labels, count in sorted(counted.items()):
        family.add_metric(labels, count)
    return family


def _instances(caches: Caches) -> Metric:
    names = ("node", "namespace", "name", "phase")
    family = GaugeMetricFamily("kubevirt_vmi_info", "1 for each VMI.", labels=names)
    for vmi in map(Vmi, caches.vmis.store.list()):
        family.add_metric((vmi.node, vmi.namespace, vmi.name, vmi.phase.value.lower()), 1)
    return family


def _machines(caches: Caches) -> Metric:
    family = GaugeMetricFamily("kubevirt_vm_info", "1 for each VM.", labels=("namespace", "name", "status"))
    for vm in map(Vm, caches.vms.store.list()):
        family.add_metric((vm.namespace, vm.name, str(vm.status.get("printableStatus") or "").lower()), 1)
    return family


class PhaseTimes:
    """Feeds the histograms from the phase stamps of VMIs; stamps have whole seconds, so short steps show as 0 or 1."""

    def __init__(self, metrics: Metrics) -> None:
        self._between = metrics.histogram("kubevirt_vmi_phase_transition_time_seconds")
        self._since_creation = metrics.histogram("kubevirt_vmi_phase_transition_time_from_creation_seconds")

    def seen(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None:
            return
        stamps = _stamps(new)
        for index in range(len(_stamps(old)), len(stamps)):
            phase, at = stamps[index]
            created = Seen(new).created_at
            if created is not None:
                self._since_creation.labels(phase).observe(max(0.0, at - created))
            if index > 0:
                last, before = stamps[index - 1]
                self._between.labels(phase, last).observe(max(0.0, at - before))


def _stamps(vmi: Json) -> list[tuple[str, float]]:
    found = []
    for stamp in (vmi.get("status") or {}).get("phaseTransitionTimestamps") or ():
        try:
            found.append((str(stamp["phase"]), parse_time(stamp["phaseTransitionTimestamp"])))
        except (InvalidTime, KeyError):
            continue
    return found
