"""Metrics of virt-controller that its caches tell when it is scraped, and the times that changes of phase took."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from virt_controller.adapters.caches import BY_VMI, Caches
from virt_controller.plan import migration_metrics, vm_metrics, vmi_metrics
from virt_controller.plan.migration_world import Migration
from virt_model.monitoring.row import Sample
from virt_model.seen import Pod, Vm, Vmi
from virt_runtime.metrics import Metrics
from virt_runtime.resources import Json


class CacheMetrics:
    """A source for `Metrics.collect_with`. Only the leader has caches, hence something to tell."""

    def __init__(self, caches: Callable[[], Caches | None]) -> None:
        self._caches = caches

    async def __call__(self) -> Iterable[Sample]:
        caches = self._caches()
        return [] if caches is None or not caches.is_synced else samples(caches)


def samples(caches: Caches) -> list[Sample]:
    config = caches.config()
    shows = vm_metrics.LabelFilter(caches.vm_labels())
    vms, vmis = map(Vm, caches.vms.store.list()), [Vmi(raw) for raw in caches.vmis.store.list()]
    return [
        Sample("kubevirt_configuration_emulation_enabled", (), float(config.use_emulation)),
        Sample("kubevirt_vmi_number_of_outdated", (), sum(map(vmi_metrics.outdated, vmis))),
        *(sample for vm in vms for sample in vm_metrics.samples(vm, caches.claims.store.get, shows)),
        *(sample for vmi in vmis for sample in vmi_metrics.samples(vmi, _pods(caches, vmi), config.eviction_strategy)),
        *migration_metrics.samples(map(Migration, caches.migrations.store.list()), vmis),
    ]


def _pods(caches: Caches, vmi: Vmi) -> tuple[Pod, ...]:
    return tuple(map(Pod, caches.pods.store.by_index(BY_VMI, vmi.uid)))


class PhaseTimes:
    """Subscribe `seen` to VMIs, `migration_seen` to migrations."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def seen(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None or old["metadata"].get("uid") != new["metadata"].get("uid"):
            return
        for took in vmi_metrics.transitions(Vmi(old), Vmi(new)):
            self._metrics.histogram(took.row).labels(*took.labels).observe(took.value)

    def migration_seen(self, old: Json | None, new: Json | None) -> None:
        if old is None or new is None or old["metadata"].get("uid") != new["metadata"].get("uid"):
            return
        if (took := migration_metrics.transition(Migration(old), Migration(new))) is not None:
            self._metrics.histogram(took.row).labels(*took.labels).observe(took.value)
