"""One metric as it is declared, and one sample of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """Prometheus' own words for the type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Component(StrEnum):
    """Who shows it."""

    API = "virt-api"
    CONTROLLER = "virt-controller"
    HANDLER = "virt-handler"
    OPERATOR = "virt-operator"


class When(StrEnum):
    """Under which circumstances at least one series of it exists."""

    ALWAYS = "always"
    LEADING = "on the replica that leads"
    VM = "for each VM"
    VMI = "for each VMI"
    GUEST = "for each running guest"
    SOMETIMES = "when there is something to tell"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One metric. `labels` are named in the order in which a sample gives their values."""

    name: str
    kind: Kind
    doc: str
    labels: tuple[str, ...] = ()
    when: When = When.ALWAYS
    components: tuple[Component, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in ascending order and without the infinite one."""


class Sample(msgspec.Struct, frozen=True):
    """A value of a row, computed when it is scraped. `extra` are labels beyond those of the row, as (name, value)."""

    row: str
    labels: tuple[str, ...]
    value: float
    extra: tuple[tuple[str, str], ...] = ()
