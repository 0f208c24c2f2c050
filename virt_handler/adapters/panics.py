"""How often guests of this node have panicked, as a metric."""

from __future__ import annotations

from virt_handler.plan.steps import CountPanic, Observed
from virt_runtime.metrics import Metrics

TOTAL = "kubevirt_vmi_guest_os_panic_total"


class Panics:
    """What was counted stays for as long as this process lives: a VM that panics comes back as another guest."""

    def __init__(self, metrics: Metrics) -> None:
        self._total = metrics.counter(TOTAL)

    async def count(self, _guest: object, seen: Observed, action: CountPanic) -> None:
        """Performs the step."""
        if seen.vmi is not None:
            metadata = seen.vmi["metadata"]
            self._total.labels(metadata["namespace"], metadata["name"], action.kind, action.code).inc()
