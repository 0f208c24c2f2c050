"""virt-handler may write to Node objects and nodes' leases, but only to its own, and to a Node only what is ours on it.

RBAC cannot say "your own node". An admission policy can: a pod's token names the node that the pod runs on.
"""

from __future__ import annotations

from typing import Any, Final

from .names import HANDLER_ACCOUNT, ROLE_LABEL

Json = dict[str, Any]
NAME: Final = "kubevirt-node-restriction-policy"
BINDING: Final = "kubevirt-node-restriction-binding"
LEASE_NAME: Final = "podvirt-node-lease-policy"
LEASE_BINDING: Final = "podvirt-node-lease-binding"
_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_NODE_CLAIM: Final = "authentication.kubernetes.io/node-name"


def objects(namespace: str) -> list[Json]:
    return [
        *_policy(NAME, BINDING, namespace, ("", "nodes", ["UPDATE"]), _validations()),
        *_policy(
            LEASE_NAME, LEASE_BINDING, namespace, ("coordination.k8s.io", "leases", ["CREATE", "UPDATE"]), _of_leases()
        ),
    ]


def _policy(
    name: str, binding: str, namespace: str, about: tuple[str, str, list[str]], validations: list[Json]
) -> list[Json]:
    """`about`: API group, resource, operations."""
    group, resource, operations = about
    metadata = {"labels": {ROLE_LABEL: ""}}
    rules = [{"apiGroups": [group], "apiVersions": ["v1"], "operations": operations, "resources": [resource]}]
    return [
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name, **metadata},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": rules},
                "matchConditions": [{"name": "virt-handler-only", "expression": _is_handler(namespace)}],
                "validations": validations,
            },
        },
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": binding, **metadata},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


def _is_handler(namespace: str) -> str:
    return f"request.userInfo.username == 'system:serviceaccount:{namespace}:{HANDLER_ACCOUNT}'"


def _validations() -> list[Json]:
    own_node = (
        f"'{_NODE_CLAIM}' in request.userInfo.extra"
        f" && request.userInfo.extra['{_NODE_CLAIM}'][0] == object.metadata.name"
    )
    return [
        {"expression": own_node, "message": "virt-handler may change only the node it runs on"},
        {
            "expression": "object.spec == oldObject.spec",
            "message": "virt-handler may not change a node's spec",
        },
        {"expression": _only_ours("labels"), "message": "virt-handler may change only KubeVirt's labels"},
        {"expression": _only_ours("annotations"), "message": "virt-handler may change only KubeVirt's annotations"},
    ]


def _of_leases() -> list[Json]:
    """Whoever renews for another node keeps its guests where nobody may start them; a node's name is in its lease."""
    own = f"'{_NODE_CLAIM}' in request.userInfo.extra"
    mine = f"request.userInfo.extra['{_NODE_CLAIM}'][0]"
    held = f"{own} && object.spec.holderIdentity == {mine} && object.metadata.name.startsWith('node-')"
    was = f"oldObject == null || oldObject.spec.holderIdentity == {mine}"
    message = "virt-handler may hold only the lease of the node it runs on"
    return [{"expression": f"{held} && ({was})", "message": message}]


def _only_ours(field: str) -> str:
    """Every key that is not ours has the value it had, in both directions."""

    def kept(one: str, other: str) -> str:
        ours = "key.contains('kubevirt.io') || key == 'cpumanager'"
        same = f"key in {other}.metadata.{field} && {one}.metadata.{field}[key] == {other}.metadata.{field}[key]"
        keys = f"{one}.metadata.{field}.all(key, {ours} || (has({other}.metadata.{field}) && {same}))"
        return f"(!has({one}.metadata.{field}) || {keys})"

    return f"{kept('object', 'oldObject')} && {kept('oldObject', 'object')}"
