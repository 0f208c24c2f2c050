"""What the operator itself may do, as far as it is not what it grants to others.

Kubernetes lets nobody grant what he does not hold. So the operator's role is its own needs plus every rule of every
role that it installs, computed from those very roles: the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from .names import HANDLER_SIGNER, OPERATOR_ACCOUNT
from .rbac import READ, Json, account, binding, cluster_binding, cluster_role, role, rule, service_account
from .rbac_components import AUTH_DELEGATOR, AUTHENTICATION_READER

MANAGE = (*READ, "create", "update", "patch", "delete")
KV = "kubevirt.io"


def objects(namespace: str, granted: Sequence[Json]) -> list[Json]:
    """`granted` are the Roles and ClusterRoles that the operator installs."""
    subject = account(OPERATOR_ACCOUNT, namespace)
    cluster_rules = [rule_ for each in granted if each["kind"] == "ClusterRole" for rule_ in each["rules"]]
    local_rules = [rule_ for each in granted if each["kind"] == "Role" for rule_ in each["rules"]]
    operator_users = cluster_role(
        "kubevirt.io:operator",
        [rule(KV, ("kubevirts",), ("get", "list", "watch", "create", "update", "patch", "delete"))],
        {"rbac.authorization.k8s.io/aggregate-to-admin": "true"},
    )
    return [
        service_account(OPERATOR_ACCOUNT, namespace),
        operator_users,
        cluster_role(OPERATOR_ACCOUNT, _unique([*_own_rules(), *cluster_rules])),
        cluster_binding(OPERATOR_ACCOUNT, OPERATOR_ACCOUNT, subject),
        role(OPERATOR_ACCOUNT, namespace, _unique([*_own_local_rules(), *local_rules])),
        binding(OPERATOR_ACCOUNT, namespace, OPERATOR_ACCOUNT, subject),
        role(OPERATOR_ACCOUNT, "kube-system", _kube_system_rules()),
        binding(OPERATOR_ACCOUNT, "kube-system", OPERATOR_ACCOUNT, subject),
    ]


def _own_rules() -> list[Json]:
    return [
        rule(KV, ("kubevirts",), (*READ, "update", "patch")),
        rule(KV, ("kubevirts/status", "kubevirts/finalizers"), ("update", "patch")),
        rule(
            KV,
            ("virtualmachines", "virtualmachineinstances", "virtualmachineinstancereplicasets"),
            ("get", "list", "delete"),
        ),
        rule("apiextensions.k8s.io", ("customresourcedefinitions",), MANAGE),
        rule("apiregistration.k8s.io", ("apiservices",), MANAGE),
        rule(
            "admissionregistration.k8s.io",
            (
                "mutatingwebhookconfigurations",
                "validatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
            ),
            MANAGE,
        ),
        rule("rbac.authorization.k8s.io", ("clusterroles", "clusterrolebindings"), MANAGE),
        rule("rbac.authorization.k8s.io", ("clusterroles",), ("bind",), (AUTH_DELEGATOR,)),
        rule("certificates.k8s.io", ("certificatesigningrequests",), (*READ, "delete")),
        rule(
            "certificates.k8s.io",
            ("certificatesigningrequests/approval", "certificatesigningrequests/status"),
            ("update", "patch"),
        ),
        rule("certificates.k8s.io", ("signers",), ("approve", "sign"), (HANDLER_SIGNER,)),
        # Prometheus may be in any namespace: is it there, and what it shall read.
        rule("", ("namespaces", "serviceaccounts"), ("get",)),
        rule("monitoring.coreos.com", ("prometheusrules", "servicemonitors"), MANAGE),
    ]


def _own_local_rules() -> list[Json]:
    return [
        rule("", ("secrets", "configmaps", "services", "serviceaccounts"), MANAGE),
        rule("", ("pods",), READ),
        rule("apps", ("deployments", "daemonsets"), MANAGE),
        rule("policy", ("poddisruptionbudgets",), MANAGE),
        rule("rbac.authorization.k8s.io", ("roles", "rolebindings"), MANAGE),
        rule("coordination.k8s.io", ("leases",), (*READ, "create", "update", "delete")),
    ]


def _kube_system_rules() -> list[Json]:
    """One RoleBinding there lets virt-api read whom to trust as front proxy."""
    return [
        rule("rbac.authorization.k8s.io", ("rolebindings",), MANAGE),
        rule("rbac.authorization.k8s.io", ("roles",), ("bind",), (AUTHENTICATION_READER,)),
    ]


def _unique(rules: Sequence[Json]) -> list[Json]:
    found: list[Json] = []
    for each in rules:
        if each not in found:
            found.append(each)
    return found
