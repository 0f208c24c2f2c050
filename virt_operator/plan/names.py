"""Names that the operator gives: service accounts, Secrets, annotations."""

from __future__ import annotations

from typing import Final

OPERATOR: Final = "virt-operator"
API: Final = "virt-api"
CONTROLLER: Final = "virt-controller"
HANDLER: Final = "virt-handler"
LAUNCHER: Final = "virt-launcher"

OPERATOR_ACCOUNT: Final = "kubevirt-operator"
API_ACCOUNT: Final = "kubevirt-apiserver"
CONTROLLER_ACCOUNT: Final = "kubevirt-controller"
HANDLER_ACCOUNT: Final = "kubevirt-handler"

CA_SECRET: Final = "kubevirt-ca"
CA_CONFIGMAP: Final = "kubevirt-ca"
API_SECRET: Final = "kubevirt-virt-api-certs"
CONTROLLER_SECRET: Final = "kubevirt-controller-certs"
OPERATOR_SECRET: Final = "kubevirt-operator-certs"
HANDLER_CLIENT_SECRET: Final = "kubevirt-virt-handler-certs"
CONTROLLER_CLIENT_SECRET: Final = "podvirt-controller-client-certs"

API_SERVICE: Final = "virt-api"
WEBHOOK_SERVICE: Final = "kubevirt-operator-webhook"
METRICS_SERVICE: Final = "kubevirt-prometheus-metrics"
PRIORITY_CLASS: Final = "kubevirt-cluster-critical"

HANDLER_SIGNER: Final = "kubevirt.io/virt-handler"
HANDLER_CLIENT_CN: Final = "kubevirt.io:system:client:virt-handler"
HANDLER_CN: Final = "kubevirt.io:system:node:virt-handler"

ROLE_LABEL: Final = "kubevirt.io"
MANAGED_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_SELECTOR: Final = f"{MANAGED_LABEL}={OPERATOR}"
HASH: Final = "kubevirt.io/desired-hash"
VERSION: Final = "kubevirt.io/install-strategy-version"
REGISTRY: Final = "kubevirt.io/install-strategy-registry"
IDENTIFIER: Final = "kubevirt.io/install-strategy-identifier"

PORT: Final = 8443
"""Every component's TLS port: metrics, health, webhooks, aggregated API."""


def service_dns(service: str, namespace: str) -> list[str]:
    """Names under which a Service's certificate is asked for."""
    return [f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.cluster.local", f"{service}.{namespace}", service]
