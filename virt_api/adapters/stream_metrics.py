"""Counts the streams to guests that are open through this virt-api."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from virt_runtime.clock import Clock
from virt_runtime.metrics import Metrics

ACTIVE: Final = {
    "console": "kubevirt_console_active_connections",
    "vnc": "kubevirt_vnc_active_connections",
    "usbredir": "kubevirt_usbredir_active_connections",
    "portforward": "kubevirt_portforward_active_tunnels",
}
"""By subresource."""
LAST: Final = "kubevirt_vmi_last_api_connection_timestamp_seconds"


class StreamMeter:
    """A guest's series ends with its last stream; when it was last called stays, for a bounded number of guests."""

    REMEMBERED = 4096

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics, self._clock = metrics, clock
        self._open: Counter[tuple[str, str, str]] = Counter()
        self._called: dict[tuple[str, str], None] = {}

    @contextlib.contextmanager
    def open(self, stream: str, namespace: str, vmi: str) -> Iterator[None]:
        """Counted while the block runs."""
        self._remember(namespace, vmi)
        active, key = self._metrics.gauge(ACTIVE[stream]), (stream, namespace, vmi)
        self._open[key] += 1
        active.labels(namespace, vmi).set(self._open[key])
        try:
            yield
        finally:
            self._open[key] -= 1
            if self._open[key]:
                active.labels(namespace, vmi).set(self._open[key])
            else:
                del self._open[key]
                active.forget(namespace, vmi)

    def _remember(self, namespace: str, vmi: str) -> None:
        last = self._metrics.gauge(LAST)
        self._called.pop((namespace, vmi), None)
        self._called[namespace, vmi] = None
        last.labels(namespace, vmi).set(self._clock.now().timestamp())
        while len(self._called) > self.REMEMBERED:
            oldest = next(iter(self._called))
            del self._called[oldest]
            last.forget(*oldest)
