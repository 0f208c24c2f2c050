"""Services, and the aggregated API that one of them stands for."""

from __future__ import annotations

import base64
from typing import Any

from .names import API, API_SECRET, API_SERVICE, METRICS_SERVICE, OPERATOR, PORT, ROLE_LABEL, WEBHOOK_SERVICE

Json = dict[str, Any]
GROUP = "subresources.kubevirt.io"
VERSIONS = ("v1", "v1alpha3")


def objects(namespace: str) -> list[Json]:
    metrics_port = {"name": "metrics", "port": 443, "targetPort": "metrics", "protocol": "TCP"}
    metrics = _service(METRICS_SERVICE, namespace, {"prometheus.kubevirt.io": "true"}, [metrics_port])
    metrics["spec"]["clusterIP"] = "None"
    metrics["metadata"]["labels"] = {"prometheus.kubevirt.io": "true", ROLE_LABEL: ""}
    return [
        _service(API_SERVICE, namespace, {ROLE_LABEL: API}, [_https()]),
        _service(WEBHOOK_SERVICE, namespace, {ROLE_LABEL: OPERATOR}, [_https()]),
        metrics,
    ]


def api_services(namespace: str, ca: bytes) -> list[Json]:
    return [
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {
                "name": f"{version}.{GROUP}",
                "labels": {ROLE_LABEL: "virt-api-aggregator"},
                "annotations": {"certificates.kubevirt.io/secret": API_SECRET},
            },
            "spec": {
                "group": GROUP,
                "version": version,
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "service": {"name": API_SERVICE, "namespace": namespace, "port": 443},
                "caBundle": base64.b64encode(ca).decode(),
            },
        }
        for version in VERSIONS
    ]


def _https() -> Json:
    return {"port": 443, "targetPort": PORT, "protocol": "TCP"}


def _service(name: str, namespace: str, selector: dict[str, str], ports: list[Json]) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": {ROLE_LABEL: name}},
        "spec": {"selector": selector, "ports": ports, "type": "ClusterIP"},
    }
