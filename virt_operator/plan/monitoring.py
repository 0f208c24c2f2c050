"""What a Prometheus that is run by its own operator needs in order to watch us: rules, a ServiceMonitor, leave to read.

Nothing of it is made before there is a Prometheus operator: its kinds would be unknown.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from virt_model.monitoring.alerts import ALERTS, RUNBOOKS, Alert
from virt_model.monitoring.recording_rules import RULES

from .rbac import READ, account, binding, role, rule

Json = dict[str, Any]
NAME: Final = "prometheus-kubevirt-rules"
READER: Final = "kubevirt-monitoring"
DEFAULT_ACCOUNT: Final = "prometheus-k8s"
DEFAULT_PLACES: Final = ("openshift-monitoring", "monitoring")
RULE_KIND: Final = "PrometheusRule"
MONITOR_KIND: Final = "ServiceMonitor"
_API: Final = "monitoring.coreos.com/v1"
_LABEL: Final = {"prometheus.kubevirt.io": "true"}


class Monitoring(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `kinds` the cluster knows; `place` is the namespace for the ServiceMonitor, "" for nowhere;
    `account` is who reads there. `runbooks` is where alerts lead, with the alert's name for `%s`.
    """

    kinds: frozenset[str] = frozenset()
    place: str = ""
    account: str = ""
    runbooks: str = RUNBOOKS


class Place(msgspec.Struct, frozen=True):
    """A namespace where Prometheus may be. With `account`, it is there only if that service account is."""

    namespace: str
    account: str


def places(kubevirt: Json | None) -> tuple[Place, ...]:
    """Where to look, the first that exists counts."""
    spec = (kubevirt or {}).get("spec") or {}
    if named := spec.get("serviceMonitorNamespace"):
        return (Place(named, ""),)
    who, where = spec.get("monitorAccount") or DEFAULT_ACCOUNT, spec.get("monitorNamespace")
    return tuple(Place(each, who) for each in ((where,) if where else DEFAULT_PLACES))


def objects(namespace: str, found: Monitoring) -> list[Json]:
    made = [_rules(namespace, found.runbooks)] if RULE_KIND in found.kinds else []
    if MONITOR_KIND not in found.kinds or not found.place:
        return made
    reader = account(found.account or DEFAULT_ACCOUNT, found.place)
    return [*made, _monitor(namespace, found.place), reader_role(namespace), binding(READER, namespace, READER, reader)]


def reader_role(namespace: str) -> Json:
    """What Prometheus must see to find our pods."""
    slices = rule("discovery.k8s.io", ("endpointslices",), READ)
    return role(READER, namespace, [rule("", ("services", "endpoints", "pods"), READ), slices])


def _monitor(namespace: str, place: str) -> Json:
    endpoint = {
        "port": "metrics",
        "scheme": "https",
        "honorLabels": True,
        "tlsConfig": {"insecureSkipVerify": True},  # Prometheus calls pods by address, and certificates name Services
    }
    return {
        "apiVersion": _API,
        "kind": MONITOR_KIND,
        "metadata": {
            "name": NAME,
            "namespace": place,
            "labels": {"openshift.io/cluster-monitoring": "", "k8s-app": "kubevirt", **_LABEL},
        },
        "spec": {
            "selector": {"matchLabels": _LABEL},
            "namespaceSelector": {"matchNames": [namespace]},
            "endpoints": [endpoint],
        },
    }


def _rules(namespace: str, runbooks: str) -> Json:
    recording = [{"record": each.name, "expr": each.in_namespace(namespace)} for each in RULES]
    alerts = [_alert(each, namespace, runbooks) for each in ALERTS]
    return {
        "apiVersion": _API,
        "kind": RULE_KIND,
        "metadata": {"name": NAME, "namespace": namespace, "labels": {"k8s-app": "kubevirt", **_LABEL}},
        "spec": {
            "groups": [{"name": "recordingRules.rules", "rules": recording}, {"name": "alerts.rules", "rules": alerts}]
        },
    }


def _alert(alert: Alert, namespace: str, runbooks: str) -> Json:
    labels = {
        "severity": alert.severity.value,
        "operator_health_impact": alert.impact.value,
        "kubernetes_operator_part_of": "kubevirt",
        "kubernetes_operator_component": "kubevirt",
        **({"namespace": namespace} if alert.of_component else {}),
    }
    told = {"summary": alert.summary, "description": alert.description or alert.summary}
    return {
        "alert": alert.name,
        "expr": alert.in_namespace(namespace),
        **({"for": alert.hold} if alert.hold else {}),
        "labels": labels,
        "annotations": told | {"runbook_url": runbooks.replace("%s", alert.name)},
    }
