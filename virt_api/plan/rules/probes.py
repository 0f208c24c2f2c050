"""Probes of the guest: one way of asking each, and over the network only where the guest is on the pod network."""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import Raw, has, number, rows, table
from virt_api.plan.rule import Offences, Rule, Subject

PROBES = ("readinessProbe", "livenessProbe")
HANDLERS = ("exec", "guestAgentPing", "httpGet", "tcpSocket")


def _probes(subject: Subject) -> Iterator[tuple[str, Raw]]:
    return ((probe, table(subject.spec, probe)) for probe in PROBES if has(subject.spec, probe))


def _no_handler(subject: Subject) -> Offences:
    for probe, raw in _probes(subject):
        if not any(has(raw, handler) for handler in HANDLERS):
            yield {"probe": probe}


def _several_handlers(subject: Subject) -> Offences:
    for probe, raw in _probes(subject):
        if sum(has(raw, handler) for handler in HANDLERS) > 1:
            yield {"probe": probe}


def _negative_number(subject: Subject) -> Offences:
    for probe, raw in _probes(subject):
        for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
            if (value := number(raw, name)) is not None and value < 0:
                yield {"probe": probe, "name": name, "value": value}


def _live_after_several(subject: Subject) -> Offences:
    value = number(subject.spec, "livenessProbe", "successThreshold")
    if value is not None and value > 1:
        yield {"value": value}


def _asked_over_no_network(subject: Subject) -> Offences:
    if any(has(network, "pod") for network in rows(subject.spec, "networks")):
        return
    for probe, raw in _probes(subject):
        for handler in ("httpGet", "tcpSocket"):
            if has(raw, handler):
                yield {"probe": probe, "handler": handler}


_PROBE = "{at}.{probe}"

PROBE = (
    Rule(
        _no_handler,
        _PROBE,
        "either " + _PROBE + ".tcpSocket, " + _PROBE + ".exec or " + _PROBE + ".httpGet must be set"
        " if a " + _PROBE + " is specified",
        REQUIRED,
    ),
    Rule(_several_handlers, _PROBE, _PROBE + " must have exactly one probe type set"),
    Rule(_negative_number, _PROBE + ".{name}", _PROBE + ".{name} must be greater than or equal to 0, got {value}"),
    Rule(
        _live_after_several,
        "{at}.livenessProbe.successThreshold",
        "{at}.livenessProbe.successThreshold must be 1, got {value}",
    ),
)
PROBE_NETWORK = (
    Rule(
        _asked_over_no_network,
        _PROBE + ".{handler}",
        _PROBE + ".{handler} is only allowed if the Pod Network is attached",
    ),
)
