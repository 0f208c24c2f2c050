"""How long objects wait in a queue and how long a look at one takes, as metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from virt_model.monitoring.row import Sample
from virt_runtime.metrics import Metrics

_PREFIX = "kubevirt_workqueue_"


class QueueMeter:
    """A `Meter` for `WorkQueue(meter=...)`; `name` tells the queues of one process apart."""

    def __init__(self, metrics: Metrics, name: str, now: Callable[[], float] = time.monotonic) -> None:
        self._name, self._now = name, now
        self._adds = metrics.counter(f"{_PREFIX}adds_total").labels(name)
        self._retries = metrics.counter(f"{_PREFIX}retries_total").labels(name)
        self._waited = metrics.histogram(f"{_PREFIX}queue_duration_seconds").labels(name)
        self._worked = metrics.histogram(f"{_PREFIX}work_duration_seconds").labels(name)
        self._waiting: dict[str, float] = {}
        self._working: dict[str, float] = {}
        metrics.collect_with(self._at_scrape)

    def added(self, key: str) -> None:
        self._adds.inc()
        self._waiting[key] = self._now()

    def begun(self, key: str) -> None:
        now = self._now()
        self._waited.observe(now - self._waiting.pop(key, now))
        self._working[key] = now

    def done(self, key: str) -> None:
        now = self._now()
        self._worked.observe(now - self._working.pop(key, now))

    def retried(self) -> None:
        self._retries.inc()

    async def _at_scrape(self) -> Iterable[Sample]:
        now = self._now()
        ages = [now - began for began in self._working.values()]
        values = {
            "depth": float(len(self._waiting)),
            "unfinished_work_seconds": sum(ages),
            "longest_running_processor_seconds": max(ages, default=0.0),
        }
        return [Sample(_PREFIX + what, (self._name,), value) for what, value in values.items()]
