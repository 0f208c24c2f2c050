"""Metrics from one table: its rows become counters, gauges and histograms, and nothing else can be shown.

What is counted as it happens lives in a family (`counter`, `gauge`, `histogram`); what is better computed when somebody
asks comes from a source (`collect_with`), which may wait for others. Why no library: docs/design/2026-11-25-metrics.md.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from virt_model.monitoring.row import Kind, Row, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: computes samples when it is scraped
Source = Callable[[], Awaitable[Iterable[Sample]]]
Pairs = tuple[tuple[str, str], ...]
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Counter:
    """Only grows."""

    def __init__(self, _row: Row) -> None:
        self.value = 0.0

    def inc(self, by: float = 1.0) -> None:
        self.value += by

    def lines(self) -> Iterator[tuple[str, Pairs, float]]:
        yield "", (), self.value


class Gauge:
    """Goes up and down, or is what a function says."""

    def __init__(self, _row: Row) -> None:
        self.value = 0.0
        self._ask: Callable[[], float] | None = None

    def set(self, value: float) -> None:
        self.value = value

    def inc(self, by: float = 1.0) -> None:
        self.value += by

    def set_function(self, ask: Callable[[], float]) -> None:
        self._ask = ask

    def lines(self) -> Iterator[tuple[str, Pairs, float]]:
        yield "", (), float(self._ask()) if self._ask else self.value


class Histogram:
    """How many observations were at most so large."""

    def __init__(self, row: Row) -> None:
        self._bounds = row.buckets
        self._counts = [0] * (len(row.buckets) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        self._counts[bisect.bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[tuple[str, Pairs, float]]:
        total = 0
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            total += count
            yield "_bucket", (("le", _number(bound)),), total
        yield "_sum", (), self._sum
        yield "_count", (), total


class _Lines(Protocol):
    def lines(self) -> Iterator[tuple[str, Pairs, float]]:
        """(suffix of the name, further labels, value)."""


Instrument = TypeVar("Instrument", bound=_Lines)


class Family(Generic[Instrument]):
    """The instruments of one row, by their label values. One without labels is there from the start."""

    def __init__(self, row: Row, make: Callable[[Row], Instrument]) -> None:
        self._row, self._make = row, make
        self._made: dict[tuple[str, ...], Instrument] = {}
        if not row.labels:
            self.labels()

    def labels(self, *values: str) -> Instrument:
        found = self._made.get(values)
        if found is None:
            if len(values) != len(self._row.labels):
                raise ValueError(f"{self._row.name} has the labels {self._row.labels}, not {values}")
            found = self._made[values] = self._make(self._row)
        return found

    def forget(self, *values: str) -> None:
        """What the labels name is gone: its series ends."""
        self._made.pop(values, None)

    def lines(self) -> Iterator[str]:
        for values, instrument in self._made.items():
            own = tuple(zip(self._row.labels, values, strict=True))
            for suffix, more, value in instrument.lines():
                yield _line(self._row.name + suffix, (*own, *more), value)


class Metrics:
    """`metrics.counter("x_total").labels(...).inc()`; only rows of the table exist, and only used ones are shown."""

    def __init__(self, table: Iterable[Row]) -> None:
        self._rows = {row.name: row for row in table}
        self._counters: dict[str, Family[Counter]] = {}
        self._gauges: dict[str, Family[Gauge]] = {}
        self._histograms: dict[str, Family[Histogram]] = {}
        self._sources: list[Source] = []

    def counter(self, name: str) -> Family[Counter]:
        return _made(self._counters, self._row(name, Kind.COUNTER), Counter)

    def gauge(self, name: str) -> Family[Gauge]:
        return _made(self._gauges, self._row(name, Kind.GAUGE), Gauge)

    def histogram(self, name: str) -> Family[Histogram]:
        return _made(self._histograms, self._row(name, Kind.HISTOGRAM), Histogram)

    def _row(self, name: str, kind: Kind) -> Row:
        row = self._rows[name]
        if row.kind is not kind:
            raise TypeError(f"{name} is a {row.kind}, not a {kind}")
        return row

    def collect_with(self, source: Source) -> None:
        """Ask `source` at each scrape."""
        self._sources.append(source)

    async def exposition(self) -> bytes:
        """Everything, as Prometheus reads it."""
        lines: dict[str, list[str]] = {name: [] for name in self._rows}
        families: dict[str, Family[Any]] = {**self._counters, **self._gauges, **self._histograms}
        for name, family in families.items():
            lines[name] += family.lines()
        for source in self._sources:
            for sample in await source():
                pairs = (*zip(self._rows[sample.row].labels, sample.labels, strict=True), *sample.extra)
                lines[sample.row].append(_line(sample.row, pairs, sample.value))
        return "".join(_text(self._rows[name], found) for name, found in lines.items() if found).encode()


def _made(families: dict[str, Family[Instrument]], row: Row, make: Callable[[Row], Instrument]) -> Family[Instrument]:
    found = families.get(row.name)
    if found is None:
        found = families[row.name] = Family(row, make)
    return found


def _text(row: Row, lines: list[str]) -> str:
    doc = row.doc.replace("\\", r"\\").replace("\n", r"\n")
    return "\n".join((f"# HELP {row.name} {doc}", f"# TYPE {row.name} {row.kind}", *lines, ""))


def _line(name: str, pairs: Sequence[tuple[str, str]], value: float) -> str:
    """A label without a value is left out: to Prometheus the two are the same."""
    inside = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in pairs if text)
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
