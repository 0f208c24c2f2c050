"""Which API resource a request is about, and the built-in ones that podvirt touches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Resource:
    """One REST collection of the Kubernetes API: `group` is "" for the core group."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of the collection or of one object; a namespaced collection without namespace spans the cluster."""
        parts = [self.root]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts.extend(part for part in (name, subresource) if part)
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def core(plural: str, namespaced: bool = True) -> Resource:
    return Resource("", "v1", plural, namespaced)


PODS = core("pods")
SERVICES = core("services")
CONFIGMAPS = core("configmaps")
SECRETS = core("secrets")
SERVICE_ACCOUNTS = core("serviceaccounts")
PERSISTENT_VOLUME_CLAIMS = core("persistentvolumeclaims")
EVENTS = core("events")
NODES = core("nodes", namespaced=False)
NAMESPACES = core("namespaces", namespaced=False)

DEPLOYMENTS = Resource("apps", "v1", "deployments")
DAEMONSETS = Resource("apps", "v1", "daemonsets")
REPLICASETS = Resource("apps", "v1", "replicasets")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions")
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", namespaced=False)
CLUSTER_ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", namespaced=False)
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", namespaced=False)
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", namespaced=False)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", namespaced=False)
CERTIFICATE_SIGNING_REQUESTS = Resource("certificates.k8s.io", "v1", "certificatesigningrequests", namespaced=False)
MUTATING_WEBHOOKS = Resource("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", namespaced=False)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)
ADMISSION_POLICIES = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", namespaced=False)
ADMISSION_POLICY_BINDINGS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", namespaced=False
)
SUBJECT_ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", namespaced=False)
TOKEN_REVIEWS = Resource("authentication.k8s.io", "v1", "tokenreviews", namespaced=False)

PROMETHEUS_RULES = Resource("monitoring.coreos.com", "v1", "prometheusrules")
SERVICE_MONITORS = Resource("monitoring.coreos.com", "v1", "servicemonitors")

VIRTUAL_MACHINES = Resource("kubevirt.io", "v1", "virtualmachines")
VIRTUAL_MACHINE_INSTANCES = Resource("kubevirt.io", "v1", "virtualmachineinstances")
VIRTUAL_MACHINE_INSTANCE_MIGRATIONS = Resource("kubevirt.io", "v1", "virtualmachineinstancemigrations")
MAINTENANCES = Resource("podvirt.io", "v1alpha1", "maintenances", namespaced=False)
MIGRATION_POLICIES = Resource("migrations.kubevirt.io", "v1alpha1", "migrationpolicies", namespaced=False)
VIRTUAL_MACHINE_INSTANCE_REPLICASETS = Resource("kubevirt.io", "v1", "virtualmachineinstancereplicasets")
KUBEVIRTS = Resource("kubevirt.io", "v1", "kubevirts")
