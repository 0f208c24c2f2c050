"""virt-handler may write to Node objects, but only to its own, and only what is ours on it.

RBAC cannot say "your own node". An admission policy can: a pod's token names the node that the pod runs on.
"""

from __future__ import annotations

from typing import Any, Final

from .names import HANDLER_ACCOUNT, ROLE_LABEL

Json = dict[str, Any]
NAME: Final = "kubevirt-node-restriction-policy"
BINDING: Final = "kubevirt-node-restriction-binding"
_ADMISSION: Final = "admissionregistration.k8s.io/v1"
_NODE_CLAIM: Final = "authentication.kubernetes.io/node-name"


def objects(namespace: str) -> list[Json]:
    metadata = {"labels": {ROLE_LABEL: ""}}
    return [
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": NAME, **metadata},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [
                        {
                            "apiGroups": [""],
                            "apiVersions": ["v1"],
                            "operations": ["UPDATE"],
                            "resources": ["nodes"],
                        }
                    ]
                },
                "matchConditions": [{"name": "virt-handler-only", "expression": _is_handler(namespace)}],
                "validations": _validations(),
            },
        },
        {
            "apiVersion": _ADMISSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": BINDING, **metadata},
            "spec": {"policyName": NAME, "validationActions": ["Deny"]},
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


def _only_ours(field: str) -> str:
    """Every key that is not ours has the value it had, in both directions."""

    def kept(one: str, other: str) -> str:
        ours = "key.contains('kubevirt.io') || key == 'cpumanager'"
        same = f"key in {other}.metadata.{field} && {one}.metadata.{field}[key] == {other}.metadata.{field}[key]"
        keys = f"{one}.metadata.{field}.all(key, {ours} || (has({other}.metadata.{field}) && {same}))"
        return f"(!has({one}.metadata.{field}) || {keys})"

    return f"{kept('object', 'oldObject')} && {kept('oldObject', 'object')}"
