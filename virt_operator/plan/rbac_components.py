"""What our own components may do: each exactly what it calls, none of them reads Secrets."""

from __future__ import annotations

from .names import (
    API_ACCOUNT,
    CA_CONFIGMAP,
    CONTROLLER_ACCOUNT,
    HANDLER_ACCOUNT,
)
from .rbac import (
    READ,
    Json,
    account,
    binding,
    cluster_binding,
    cluster_role,
    role,
    rule,
    service_account,
)

KUBEVIRT = "kubevirt.io"
COORDINATION = "coordination.k8s.io"
AUTHENTICATION_READER = "extension-apiserver-authentication-reader"
AUTH_DELEGATOR = "system:auth-delegator"
_EVENTS = rule("", ("events",), ("create", "patch"))
_CONFIGURATION = rule(KUBEVIRT, ("kubevirts",), READ)
_CA = rule("", ("configmaps",), READ, (CA_CONFIGMAP,))
_VM_LABELS = rule("", ("configmaps",), READ, ("kubevirt-vm-labels-config",))


def objects(namespace: str) -> list[Json]:
    accounts = [service_account(name, namespace) for name in (API_ACCOUNT, CONTROLLER_ACCOUNT, HANDLER_ACCOUNT)]
    return [*accounts, *_api(namespace), *_controller(namespace), *_handler(namespace)]


def _granted(name: str, namespace: str, everywhere: list[Json], here: list[Json]) -> list[Json]:
    subject = account(name, namespace)
    return [
        cluster_role(name, everywhere),
        cluster_binding(name, name, subject),
        role(name, namespace, here),
        binding(name, namespace, name, subject),
    ]


def _api(namespace: str) -> list[Json]:
    """Webhooks read, and mark a VMI whose pod is evicted; subresources patch the VM; identity is checked by
    SubjectAccessReview.
    """
    everywhere = [
        rule(KUBEVIRT, ("virtualmachines", "virtualmachineinstances"), ("get", "list", "patch")),
        rule(KUBEVIRT, ("virtualmachines/status",), ("patch",)),
        rule(KUBEVIRT, ("virtualmachineinstancemigrations",), ("get", "list", "create")),
        rule("", ("pods",), ("get",)),
        _CONFIGURATION,
        _EVENTS,
    ]
    here = [rule("", ("pods",), ("list",)), _CA]
    subject = account(API_ACCOUNT, namespace)
    return [
        *_granted(API_ACCOUNT, namespace, everywhere, here),
        cluster_binding(f"{API_ACCOUNT}-auth-delegator", AUTH_DELEGATOR, subject),
        binding(f"{API_ACCOUNT}-authentication-reader", "kube-system", AUTHENTICATION_READER, subject),
    ]


def _controller(namespace: str) -> list[Json]:
    """VMs to VMIs to pods; marks nodes whose agent is silent."""
    everywhere = [
        rule(KUBEVIRT, ("virtualmachines",), (*READ, "patch")),
        rule(KUBEVIRT, ("virtualmachines/status",), ("patch",)),
        rule(KUBEVIRT, ("virtualmachineinstances",), (*READ, "create", "patch", "delete")),
        rule(KUBEVIRT, ("virtualmachineinstancereplicasets",), (*READ, "patch")),
        rule(KUBEVIRT, ("virtualmachineinstancereplicasets/status",), ("patch",)),
        rule(KUBEVIRT, ("virtualmachineinstancemigrations",), (*READ, "create", "patch", "delete")),
        rule(KUBEVIRT, ("virtualmachineinstancemigrations/status",), ("patch",)),
        rule(
            KUBEVIRT,
            (
                "virtualmachines/finalizers",
                "virtualmachineinstances/finalizers",
                "virtualmachineinstancereplicasets/finalizers",
            ),
            ("update",),
        ),
        rule("migrations.kubevirt.io", ("migrationpolicies",), ("list",)),
        rule("podvirt.io", ("maintenances",), READ),
        rule("podvirt.io", ("maintenances/status",), ("patch",)),
        _CONFIGURATION,
        rule("", ("namespaces",), ("get",)),
        rule("", ("pods",), (*READ, "create", "delete")),
        rule("", ("pods/status",), ("patch",)),
        rule("", ("nodes",), (*READ, "patch")),
        rule("", ("persistentvolumeclaims",), READ),
        rule("apps", ("controllerrevisions",), ("get", "list", "create", "delete")),
        _EVENTS,
    ]
    here = [rule(COORDINATION, ("leases",), (*READ, "create", "update", "delete")), _CA, _VM_LABELS]
    return _granted(CONTROLLER_ACCOUNT, namespace, everywhere, here)


def _handler(namespace: str) -> list[Json]:
    """What it may change on nodes, and which lease, is narrowed to its own node by an admission policy."""
    everywhere = [
        rule(KUBEVIRT, ("virtualmachineinstances",), (*READ, "patch")),
        _CONFIGURATION,
        rule("", ("pods",), READ),
        rule("", ("nodes",), (*READ, "patch")),
        rule("certificates.k8s.io", ("certificatesigningrequests",), (*READ, "create")),
        _EVENTS,
    ]
    here = [rule(COORDINATION, ("leases",), ("get", "create", "update")), _CA]
    return _granted(HANDLER_ACCOUNT, namespace, everywhere, here)
