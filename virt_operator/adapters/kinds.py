"""Which API resource each kind of object is, and where the operator watches for it."""

from __future__ import annotations

from typing import Final

from virt_runtime import resources as r

#: kinds that the operator manages; those of a namespace are watched in ours and, for bindings, in kube-system
MANAGED: Final[dict[str, r.Resource]] = {
    "ServiceAccount": r.SERVICE_ACCOUNTS,
    "Secret": r.SECRETS,
    "ConfigMap": r.CONFIGMAPS,
    "Service": r.SERVICES,
    "Deployment": r.DEPLOYMENTS,
    "DaemonSet": r.DAEMONSETS,
    "PodDisruptionBudget": r.POD_DISRUPTION_BUDGETS,
    "Role": r.ROLES,
    "RoleBinding": r.ROLE_BINDINGS,
    "ClusterRole": r.CLUSTER_ROLES,
    "ClusterRoleBinding": r.CLUSTER_ROLE_BINDINGS,
    "APIService": r.API_SERVICES,
    "MutatingWebhookConfiguration": r.MUTATING_WEBHOOKS,
    "ValidatingWebhookConfiguration": r.VALIDATING_WEBHOOKS,
    "ValidatingAdmissionPolicy": r.ADMISSION_POLICIES,
    "ValidatingAdmissionPolicyBinding": r.ADMISSION_POLICY_BINDINGS,
    "CustomResourceDefinition": r.CRDS,
}
#: kinds of the Prometheus operator, watched in every namespace, and only where they exist
MONITORED: Final[dict[str, r.Resource]] = {"PrometheusRule": r.PROMETHEUS_RULES, "ServiceMonitor": r.SERVICE_MONITORS}
#: what makes guests first: it would make new ones of those that are taken away
WORKLOADS: Final[dict[str, r.Resource]] = {
    "VirtualMachineInstanceReplicaSet": r.VIRTUAL_MACHINE_INSTANCE_REPLICASETS,
    "VirtualMachine": r.VIRTUAL_MACHINES,
    "VirtualMachineInstance": r.VIRTUAL_MACHINE_INSTANCES,
}
#: too large to keep; their hash tells enough
METADATA_ONLY: Final = frozenset({"CustomResourceDefinition"})
KUBE_SYSTEM: Final = "kube-system"


_OTHER: Final = {"KubeVirt": r.KUBEVIRTS, "CertificateSigningRequest": r.CERTIFICATE_SIGNING_REQUESTS}


def resource_of(kind: str) -> r.Resource:
    return (MANAGED | MONITORED | WORKLOADS | _OTHER)[kind]
