"""The two manifests that people apply: the operator with all it needs to start, and the KubeVirt object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import monitoring, rbac_components, rbac_operator, rbac_users
from .names import PRIORITY_CLASS, ROLE_LABEL
from .settings import Settings
from .workloads import virt_operator

Json = dict[str, Any]


def operator_manifest(settings: Settings, kubevirt_crd: Json) -> list[Json]:
    namespace = settings.namespace
    return [
        kubevirt_crd,  # first: it needs a moment until the API server serves it
        namespace_object(namespace),
        priority_class(),
        *rbac_operator.objects(namespace, granted_roles(namespace)),
        virt_operator(settings),
    ]


def kubevirt_manifest(settings: Settings) -> list[Json]:
    return [
        {
            "apiVersion": "kubevirt.io/v1",
            "kind": "KubeVirt",
            "metadata": {"name": "kubevirt", "namespace": settings.namespace},
            "spec": {
                "certificateRotateStrategy": {},
                "configuration": {"developerConfiguration": {"featureGates": []}},
                "imagePullPolicy": settings.pull_policy,
            },
        }
    ]


def granted_roles(namespace: str) -> Sequence[Json]:
    watchers = monitoring.reader_role(namespace)
    everything = [*rbac_components.objects(namespace), *rbac_users.objects(aggregate=True), watchers]
    return [each for each in everything if each["kind"] in ("Role", "ClusterRole")]


def namespace_object(name: str) -> Json:
    labels = {ROLE_LABEL: "", "pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def priority_class() -> Json:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": PRIORITY_CLASS},
        "value": 1_000_000_000,
        "description": "Pods without which virtual machines cannot be managed.",
    }
