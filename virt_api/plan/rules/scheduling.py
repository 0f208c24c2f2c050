"""Names, placement and what is said of the pod: hostname, subdomain, DNS, eviction and start, topology spread.

Node selectors and tolerations are not looked at here: the API server refuses a pod that has bad ones, and the VMI's
condition says so. The fields of DNS refusals are no paths (`nameservers`, `searchDomains`): clients have seen them so.
"""

from __future__ import annotations

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import has, items, number, numbered, rows, table, text
from virt_api.plan.rule import Offences, Rule, Subject, once
from virt_model.name_forms import is_address, label_faults, subdomain_faults

EVICTION_STRATEGIES = ("None", "LiveMigrate", "LiveMigrateIfPossible", "External")
START_STRATEGIES = ("Paused",)
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_MOST_NAMESERVERS = 3
_MOST_SEARCHES, _LONGEST_SEARCHES = 6, 256


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


def _paused_start_with_liveness_probe(subject: Subject) -> Offences:
    paused = text(subject.spec, "startStrategy") in START_STRATEGIES
    return once(when=paused and has(subject.spec, "livenessProbe"))


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
    servers = items(subject.spec, "dnsConfig", "nameservers")
    if len(servers) > _MOST_NAMESERVERS:
        yield {"servers": " ".join(map(str, servers))}


def _unreadable_nameserver(subject: Subject) -> Offences:
    for server in items(subject.spec, "dnsConfig", "nameservers"):
        if not (isinstance(server, str) and is_address(server)):
            yield {"server": server}


def _searches(subject: Subject) -> list[str]:
    return [each for each in items(subject.spec, "dnsConfig", "searches") if isinstance(each, str)]


def _too_many_searches(subject: Subject) -> Offences:
    return once(when=len(_searches(subject)) > _MOST_SEARCHES)


def _long_searches(subject: Subject) -> Offences:
    return once(when=len(" ".join(_searches(subject))) > _LONGEST_SEARCHES)


def _bad_search(subject: Subject) -> Offences:
    for search in _searches(subject):
        for why in subdomain_faults(search):
            yield {"why": why}


def _nameless_option(subject: Subject) -> Offences:
    for option in rows(subject.spec, "dnsConfig", "options"):
        if not text(option, "name"):
            yield {}


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
    Rule(
        _paused_start_with_liveness_probe,
        "{at}.startStrategy",
        "either {at}.startStrategy or {at}.livenessProbe should be provided."
        "Pausing VMI with LivenessProbe is not supported",
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
        "nameservers",
        "must provide at least one DNS nameserver when `dnsPolicy` is None",
        REQUIRED,
    ),
    Rule(_too_many_nameservers, "nameservers", "must not have more than 3 nameservers: [{servers}]"),
    Rule(_unreadable_nameserver, "nameservers", "must be valid IP address: {server}"),
    Rule(_too_many_searches, "searchDomains", "must not have more than 6 search paths"),
    Rule(
        _long_searches, "searchDomains", "must not have more than 256 characters (including spaces) in the search list"
    ),
    Rule(_bad_search, "searchDomains", "{why}"),
    Rule(_nameless_option, "options", "Option.Name must not be empty"),
)
EVICTION = (
    Rule(
        _unknown_eviction_strategy,
        "{at}.evictionStrategy",
        "{at}.evictionStrategy is set with an unrecognized option: {value}",
    ),
)
