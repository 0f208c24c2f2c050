"""How roles, bindings and service accounts are written down; who gets what is in the `rbac_*` modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

Json = dict[str, Any]
RBAC: Final = "rbac.authorization.k8s.io/v1"
READ: Final = ("get", "list", "watch")
EVERYTHING: Final = (*READ, "create", "update", "patch", "delete", "deletecollection")


def rule(group: str, resources: Sequence[str], verbs: Sequence[str], names: Sequence[str] = ()) -> Json:
    found: Json = {"apiGroups": [group], "resources": [*resources], "verbs": [*verbs]}
    return found | ({"resourceNames": [*names]} if names else {})


def cluster_role(name: str, rules: Sequence[Json], labels: dict[str, str] | None = None) -> Json:
    metadata = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": metadata, "rules": [*rules]}


def role(name: str, namespace: str, rules: Sequence[Json]) -> Json:
    return {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": name, "namespace": namespace}, "rules": [*rules]}


def service_account(name: str, namespace: str) -> Json:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}


def account(name: str, namespace: str) -> Json:
    """A binding's subject."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> Json:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": name}


def cluster_binding(name: str, role_name: str, subject: Json) -> Json:
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role_name},
        "subjects": [subject],
    }


def binding(name: str, namespace: str, role_name: str, subject: Json, role_kind: str = "Role") -> Json:
    return {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role_name},
        "subjects": [subject],
    }
