"""Names, placement and what is said of the pod: hostname, subdomain, DNS, eviction and start, topology spread.

Node selectors and tolerations are not looked at here: the API server refuses a pod that has bad ones, and the VMI's
condition says so.
"""

from __future__ import annotations

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import has, items, number, numbered, table, text
from virt_api.plan.rule import Offences, Rule, Subject, once
from virt_model.name_forms import label_faults, subdomain_faults

EVICTION_STRATEGIES = ("None", "LiveMigrate", "LiveMigrateIfPossible", "External")
START_STRATEGIES = ("Paused",)
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")


def _bad_hostname(subject: Subject) -> Offences:
    name = text(subject.spec, "hostname")
    if name and (faults := label_faults(name)):
        yield {"why": ", ".join(faults)}


def _bad_subdomain(subject: Subject) -> Offences:
    name = text(subject.spec, "subdomain")
    if name and (faults := subdomain_faults(name)):
        yield {"why": ", ".join(faults)}


def _unknown_eviction_strategy(subject: Subject) -> Offences:
    value = text(subject.spec, "evictionStrategy")
    if value and value not in EVICTION_STRATEGIES:
        yield {"value": value}


def _unknown_start_strategy(subject: Subject) -> Offences:
    value = text(subject.spec, "startStrategy")
    if value and value not in START_STRATEGIES:
        yield {"value": value}


def _unbounded_skew(subject: Subject) -> Offences:
    for i, constraint in numbered(subject.spec, "topologySpreadConstraints"):
        if (skew := number(constraint, "maxSkew") or 0) <= 0:
            yield {"i": i, "skew": skew}


def _spread_without_key(subject: Subject) -> Offences:
    for i, constraint in numbered(subject.spec, "topologySpreadConstraints"):
        if not text(constraint, "topologyKey"):
            yield {"i": i}


def _unknown_unsatisfiable(subject: Subject) -> Offences:
    for i, constraint in numbered(subject.spec, "topologySpreadConstraints"):
        value = text(constraint, "whenUnsatisfiable")
        if value not in _UNSATISFIABLE:
            yield {"i": i, "value": value}


def _no_nameservers(subject: Subject) -> Offences:
    spec = subject.spec
    return once(when=text(spec, "dnsPolicy") == "None" and not has(spec, "dnsConfig"))


def _empty_nameservers(subject: Subject) -> Offences:
    spec = subject.spec
    lacking = has(spec, "dnsConfig") and not items(table(spec, "dnsConfig"), "nameservers")
    return once(when=text(spec, "dnsPolicy") == "None" and lacking)


def _too_many_nameservers(subject: Subject) -> Offences:
    count = len(items(subject.spec, "dnsConfig", "nameservers"))
    if count > 3:
        yield {"count": count}


NAMES = (
    Rule(_bad_hostname, "{at}.hostname", "{at}.hostname does not conform to the kubernetes DNS_LABEL rules : {why}"),
    Rule(
        _bad_subdomain,
        "{at}.subdomain",
        "{at}.subdomain does not conform to the kubernetes DNS_SUBDOMAIN rules : {why}",
    ),
)
START = (
    Rule(
        _unknown_start_strategy,
        "{at}.startStrategy",
        "{at}.startStrategy is set with an unrecognized option: {value}",
    ),
)
TOPOLOGY = (
    Rule(
        _unbounded_skew,
        "{at}.topologySpreadConstraints[{i}].maxSkew",
        "{at}.topologySpreadConstraints[{i}].maxSkew: Invalid value: {skew}: must be greater than zero",
    ),
    Rule(
        _spread_without_key,
        "{at}.topologySpreadConstraints[{i}].topologyKey",
        "{at}.topologySpreadConstraints[{i}].topologyKey: Required value: can not be empty",
        REQUIRED,
    ),
    Rule(
        _unknown_unsatisfiable,
        "{at}.topologySpreadConstraints[{i}].whenUnsatisfiable",
        '{at}.topologySpreadConstraints[{i}].whenUnsatisfiable: Unsupported value: "{value}":'
        ' supported values: "DoNotSchedule", "ScheduleAnyway"',
    ),
)
DNS = (
    Rule(_no_nameservers, "{at}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None", REQUIRED),
    Rule(
        _empty_nameservers,
        "{at}.dnsConfig.nameservers",
        "must provide at least one DNS nameserver when `dnsPolicy` is None",
        REQUIRED,
    ),
    Rule(
        _too_many_nameservers,
        "{at}.dnsConfig.nameservers",
        "must not have more than 3 nameservers: {count}",
    ),
)
EVICTION = (
    Rule(
        _unknown_eviction_strategy,
        "{at}.evictionStrategy",
        "{at}.evictionStrategy is set with an unrecognized option: {value}",
    ),
)
