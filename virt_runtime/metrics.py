"""Metrics from one table: the rows are declared once, registered explicitly, and print their own documentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One metric. A counter's name ends in `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    doc: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS


class Metrics:
    """`metrics.counter("x_total").labels(...).inc()`; only rows of the table exist."""

    def __init__(self, table: Iterable[Row]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._rows: dict[str, Row] = {}
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        for row in table:
            self._rows[row.name] = row
            self._made[row.name] = self._make(row)

    def _make(self, row: Row) -> Counter | Gauge | Histogram:
        if row.kind == "counter":
            return Counter(row.name, row.doc, row.labels, registry=self.registry)
        if row.kind == "gauge":
            return Gauge(row.name, row.doc, row.labels, registry=self.registry)
        return Histogram(row.name, row.doc, row.labels, buckets=row.buckets, registry=self.registry)

    def counter(self, name: str) -> Counter:
        found = self._made[name]
        assert isinstance(found, Counter), name
        return found

    def gauge(self, name: str) -> Gauge:
        found = self._made[name]
        assert isinstance(found, Gauge), name
        return found

    def histogram(self, name: str) -> Histogram:
        found = self._made[name]
        assert isinstance(found, Histogram), name
        return found

    def collect_with(self, collector: Collector) -> None:
        """Add a collector that computes its samples when it is scraped."""
        self.registry.register(collector)

    def exposition(self) -> bytes:
        return generate_latest(self.registry)

    def documentation(self) -> str:
        """One Markdown table row a metric."""
        lines = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
        for row in sorted(self._rows.values(), key=lambda row: row.name):
            lines.append(f"| `{row.name}` | {row.kind} | {', '.join(row.labels) or '–'} | {row.doc} |")
        return "\n".join(lines)


def client_rows(prefix: str) -> tuple[Row, ...]:
    """Metrics of the Kubernetes client; feed them with `client_observer`."""
    return (
        Row(
            name=f"{prefix}_rest_client_requests_total",
            kind="counter",
            doc="Requests to the Kubernetes API by method and HTTP status.",
            labels=("code", "method"),
        ),
        Row(
            name=f"{prefix}_rest_client_request_latency_seconds",
            kind="histogram",
            doc="Seconds until the Kubernetes API began to answer.",
            labels=("verb",),
            buckets=(0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0),
        ),
    )


class ClientObserver:
    """An `Observer` for `KubeClient.connect(observe=...)`."""

    def __init__(self, metrics: Metrics, prefix: str) -> None:
        self._requests = metrics.counter(f"{prefix}_rest_client_requests_total")
        self._latency = metrics.histogram(f"{prefix}_rest_client_request_latency_seconds")

    def __call__(self, method: str, path: str, status: int, seconds: float) -> None:
        self._requests.labels(str(status) if status else "<error>", method).inc()
        self._latency.labels(method).observe(seconds)
