"""Who is asked before an object is stored: virt-api about VMs and VMIs, the operator about KubeVirt objects."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple

from api.crd.kinds import KINDS, Kind
from virt_model.idle_kinds import IDLE_KINDS, creation_path
from virt_model.names import LAUNCHER_PREFIX

from .names import API_SERVICE, ROLE_LABEL, WEBHOOK_SERVICE

Json = dict[str, Any]
ADMISSION = "admissionregistration.k8s.io/v1"
MUTATOR = "virt-api-mutator"
VALIDATOR = "virt-api-validator"
OPERATOR_VALIDATOR = "virt-operator-validator"


class Hook(NamedTuple):
    name: str
    path: str
    operations: tuple[str, ...]
    plural: str
    group: str = "kubevirt.io"
    versions: tuple[str, ...] = ("v1alpha3", "v1")
    domain: str = "kubevirt.io"  # of the hook's own name, which people read in a refusal
    side_effects: str = "None"
    condition: str = ""  # in CEL: what the API server need not ask about, and so cannot fail to


MUTATING = (
    Hook("virtualmachines-mutator", "/virtualmachines-mutate", ("CREATE", "UPDATE"), "virtualmachines"),
    Hook(
        "virtualmachineinstances-mutator",
        "/virtualmachineinstances-mutate",
        ("CREATE", "UPDATE"),
        "virtualmachineinstances",
    ),
    Hook("migrations-mutator", "/migration-mutate-create", ("CREATE",), "virtualmachineinstancemigrations"),
)
VALIDATING = (
    Hook(
        "virt-launcher-eviction-interceptor",
        "/pod-eviction-validate",
        ("CREATE",),
        "pods/eviction",
        group="",
        versions=("v1",),
        side_effects="NoneOnDryRun",
        condition=f"request.name.startsWith('{LAUNCHER_PREFIX}')",
    ),
    Hook(
        "virtualmachineinstances-create-validator",
        "/virtualmachineinstances-validate-create",
        ("CREATE",),
        "virtualmachineinstances",
    ),
    Hook(
        "virtualmachineinstances-update-validator",
        "/virtualmachineinstances-validate-update",
        ("UPDATE",),
        "virtualmachineinstances",
    ),
    Hook("virtualmachine-validator", "/virtualmachines-validate", ("CREATE", "UPDATE"), "virtualmachines"),
    Hook(
        "virtualmachinereplicaset-validator",
        "/virtualmachinereplicaset-validate",
        ("CREATE", "UPDATE"),
        "virtualmachineinstancereplicasets",
    ),
    Hook(
        "migration-create-validator",
        "/migration-validate-create",
        ("CREATE",),
        "virtualmachineinstancemigrations",
    ),
    Hook(
        "migration-update-validator",
        "/migration-validate-update",
        ("UPDATE",),
        "virtualmachineinstancemigrations",
    ),
    Hook(
        "migration-policy-validator",
        "/migration-policy-validate-create",
        ("CREATE", "UPDATE"),
        "migrationpolicies",
        group="migrations.kubevirt.io",
        versions=("v1alpha1",),
    ),
)
#: hooks of side groups that do not bear their group's name
_PLAIN_NAMES = {
    "VirtualMachineInstancePreset": "virtualmachinepreset-validator",
    "VirtualMachinePool": "virtualmachinepool-validator",
    "VirtualMachineClone": "vm-clone-validator",
}


def _refusing(row: Kind) -> Hook:
    """Asked about the creation of an object that nobody would act on."""
    plain = _PLAIN_NAMES.get(row.name)
    return Hook(
        plain or f"{row.name.lower()}-validator",
        creation_path(row.plural),
        ("CREATE",),
        row.plural,
        row.group.name,
        tuple(version.name for version in row.group.versions),
        "kubevirt.io" if plain else row.group.name,
    )


REFUSING = tuple(_refusing(KINDS[kind]) for kind in IDLE_KINDS)
OPERATOR_HOOKS = (
    Hook("kubevirt-validator", "/kubevirt-validate-delete", ("DELETE",), "kubevirts"),
    Hook("kubevirt-update-validator", "/kubevirt-validate-update", ("UPDATE",), "kubevirts"),
    Hook("kubevirt-create-validator", "/kubevirt-validate-create", ("CREATE",), "kubevirts"),
)


def objects(namespace: str, ca: bytes) -> list[Json]:
    return [
        _configuration("MutatingWebhookConfiguration", MUTATOR, MUTATING, API_SERVICE, namespace, ca),
        _configuration(
            "ValidatingWebhookConfiguration", VALIDATOR, (*VALIDATING, *REFUSING), API_SERVICE, namespace, ca
        ),
        operator_webhooks(namespace, ca),
    ]


def operator_webhooks(namespace: str, ca: bytes) -> Json:
    return _configuration(
        "ValidatingWebhookConfiguration", OPERATOR_VALIDATOR, OPERATOR_HOOKS, WEBHOOK_SERVICE, namespace, ca
    )


def _configuration(kind: str, name: str, hooks: tuple[Hook, ...], service: str, namespace: str, ca: bytes) -> Json:
    return {
        "apiVersion": ADMISSION,
        "kind": kind,
        "metadata": {"name": name, "labels": {ROLE_LABEL: name}},
        "webhooks": [_webhook(hook, service, namespace, ca) for hook in hooks],
    }


def _webhook(hook: Hook, service: str, namespace: str, ca: bytes) -> Json:
    only = [{"name": "only-ours", "expression": hook.condition}] if hook.condition else []
    return {
        "name": f"{hook.name}.{hook.domain}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "caBundle": base64.b64encode(ca).decode(),
            "service": {"name": service, "namespace": namespace, "path": hook.path, "port": 443},
        },
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "rules": [
            {
                "apiGroups": [hook.group],
                "apiVersions": [*hook.versions],
                "operations": [*hook.operations],
                "resources": [hook.plural],
                "scope": "*",
            }
        ],
        "sideEffects": hook.side_effects,
        "timeoutSeconds": 10,
        **({"matchConditions": only} if only else {}),
    }
