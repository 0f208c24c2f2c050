"""How many CPUs, of which model, pinned or not.

Dedicated CPUs take their number either from the resources or from the topology, never from both; the emulator's own
thread can only be set apart where CPUs are dedicated.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, prod

from virt_api.plan.causes import NOT_SUPPORTED
from virt_api.plan.reading import amount, find, flag, has, number, numbered, table, text
from virt_api.plan.rule import Offences, Rule, Subject, once

FEATURE_POLICIES = ("force", "require", "optional", "disable", "forbid")


def _cpu(subject: Subject, kind: str) -> Fraction | None:
    return amount(subject.spec, "domain", "resources", kind, "cpu")


def _written(subject: Subject, kind: str) -> object:
    return find(subject.spec, "domain", "resources", kind, "cpu")


def _dedicated(subject: Subject) -> bool:
    return flag(subject.spec, "domain", "cpu", "dedicatedCpuPlacement") is True


def _negative_request(subject: Subject) -> Offences:
    if (request := _cpu(subject, "requests")) is not None and request < 0:
        yield {"value": _written(subject, "requests")}


def _negative_limit(subject: Subject) -> Offences:
    if (limit := _cpu(subject, "limits")) is not None and limit < 0:
        yield {"value": _written(subject, "limits")}


def _request_over_limit(subject: Subject) -> Offences:
    request, limit = _cpu(subject, "requests"), _cpu(subject, "limits")
    if request is not None and limit is not None and 0 < limit < request:
        yield {"request": _written(subject, "requests"), "limit": _written(subject, "limits")}


def _broken_cpu_request(subject: Subject) -> Offences:
    request = _cpu(subject, "requests")
    return once(when=_dedicated(subject) and request is not None and request.denominator != 1)


def _broken_cpu_limit(subject: Subject) -> Offences:
    limit = _cpu(subject, "limits")
    return once(when=_dedicated(subject) and limit is not None and limit.denominator != 1)


def _unequal_dedicated(subject: Subject) -> Offences:
    request, limit = _cpu(subject, "requests"), _cpu(subject, "limits")
    return once(when=_dedicated(subject) and bool(request) and bool(limit) and request != limit)


def _two_counts_dedicated(subject: Subject) -> Offences:
    cpu = table(subject.spec, "domain", "cpu")
    topology = prod(number(cpu, part) or 1 for part in ("sockets", "cores", "threads"))
    asked = _cpu(subject, "requests") or _cpu(subject, "limits")
    said = any(number(cpu, part) for part in ("sockets", "cores", "threads"))
    return once(when=_dedicated(subject) and said and bool(asked) and ceil(asked or 0) != topology)


def _isolated_without_dedicated(subject: Subject) -> Offences:
    isolated = flag(subject.spec, "domain", "cpu", "isolateEmulatorThread") is True
    return once(when=isolated and not _dedicated(subject))


def _numa_without_dedicated(subject: Subject) -> Offences:
    return once(when=has(subject.spec, "domain", "cpu", "numa", "guestMappingPassthrough") and not _dedicated(subject))


def _numa_without_hugepages(subject: Subject) -> Offences:
    passthrough = has(subject.spec, "domain", "cpu", "numa", "guestMappingPassthrough")
    return once(when=passthrough and not has(subject.spec, "domain", "memory", "hugepages"))


def _unknown_feature_policy(subject: Subject) -> Offences:
    for i, feature in numbered(subject.spec, "domain", "cpu", "features"):
        policy = text(feature, "policy")
        if policy and policy not in FEATURE_POLICIES:
            yield {"i": i, "name": text(feature, "name"), "policy": policy}


def _sockets_over_maximum(subject: Subject) -> Offences:
    cpu = table(subject.spec, "domain", "cpu")
    most = number(cpu, "maxSockets") or 0
    return once(when=most != 0 and (number(cpu, "sockets") or 0) > most)


_REQUEST = "{at}.domain.resources.requests.cpu"
_LIMIT = "{at}.domain.resources.limits.cpu"
_CPU = "{at}.domain.cpu"

CPU = (
    Rule(_negative_request, _REQUEST, _REQUEST + " '{value}': must be greater than or equal to 0."),
    Rule(_negative_limit, _LIMIT, _LIMIT + " '{value}': must be greater than or equal to 0."),
    Rule(_request_over_limit, _REQUEST, _REQUEST + " '{request}' is greater than " + _LIMIT + " '{limit}'"),
    Rule(_broken_cpu_request, _REQUEST, "provided resources CPU requests must be an interger"),
    Rule(_broken_cpu_limit, _LIMIT, "provided resources CPU limits must be an interger"),
    Rule(
        _unequal_dedicated,
        _CPU + ".dedicatedCpuPlacement",
        _REQUEST + " and " + _LIMIT + " must be equal when DedicatedCPUPlacement is true",
    ),
    Rule(
        _two_counts_dedicated,
        _CPU + ".dedicatedCpuPlacement",
        _REQUEST + " or " + _LIMIT + " must not be provided at the same time with " + _CPU + ".cores"
        " when DedicatedCPUPlacement is true ",
    ),
    Rule(
        _numa_without_dedicated,
        _CPU + ".numa.guestMappingPassthrough",
        _CPU
        + ".dedicatedCpuPlacement must be set to true when NUMA topology strategy is set in "
        + _CPU
        + ".numa.guestMappingPassthrough",
    ),
    Rule(
        _numa_without_hugepages,
        _CPU + ".numa.guestMappingPassthrough",
        "{at}.domain.memory.hugepages must be requested when NUMA topology strategy is set in "
        + _CPU
        + ".numa.guestMappingPassthrough",
    ),
    Rule(
        _isolated_without_dedicated,
        _CPU + ".isolateEmulatorThread",
        "IsolateEmulatorThread should be only set in combination with DedicatedCPUPlacement",
    ),
    Rule(
        _unknown_feature_policy,
        _CPU + ".features[{i}].policy",
        "CPU feature {name} uses policy {policy} that is not supported.",
        NOT_SUPPORTED,
    ),
    Rule(
        _sockets_over_maximum,
        _CPU + ".sockets",
        "Number of sockets in CPU topology is greater than the maximum sockets allowed",
    ),
)
