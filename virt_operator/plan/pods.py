"""What the pods of all components share: names, placement, probes, hardening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .names import PORT, PRIORITY_CLASS, ROLE_LABEL
from .settings import Placement, Settings

Json = dict[str, Any]

HARDENED: Final[Json] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
UNPRIVILEGED_POD: Final[Json] = {
    "runAsNonRoot": True,
    "runAsUser": 1001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
TOLERATIONS: Final[tuple[Json, ...]] = (
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"},
)


def labels(component: str) -> dict[str, str]:
    return {ROLE_LABEL: component}


def pod_labels(component: str, settings: Settings) -> dict[str, str]:
    return {ROLE_LABEL: component, "prometheus.kubevirt.io": "true", "name": component, **settings.product_labels}


def command_line(component: str, args: Sequence[str], settings: Settings) -> Json:
    """Command and arguments of a container; a flag that users set replaces ours. `args`: flag, value, and so on."""
    flags = settings.flags.get(component, {})
    pairs = zip(args[::2], args[1::2], strict=True)
    kept = [word for flag, value in pairs if flag.removeprefix("--") not in flags for word in (flag, value)]
    added = [word for flag, value in sorted(flags.items()) for word in (f"--{flag}", value) if word]
    return {"command": [component, *added], "args": kept}


def probes(liveness_delay: int = 15) -> Json:
    """Once a second until the first success, so that an install does not wait for a probe; then at leisure."""
    check = {"httpGet": {"path": "/healthz", "port": PORT, "scheme": "HTTPS"}}
    return {
        "startupProbe": {**check, "periodSeconds": 1, "timeoutSeconds": 10, "failureThreshold": 180},
        "readinessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 10, "failureThreshold": 3},
        "livenessProbe": {
            **check,
            "initialDelaySeconds": liveness_delay,
            "periodSeconds": 45,
            "timeoutSeconds": 10,
            "failureThreshold": 3,
        },
    }


def requests(cpu: str, memory: str) -> Json:
    return {"requests": {"cpu": cpu, "memory": memory}}


def field_env(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def apart(component: str) -> Json:
    """Replicas prefer different nodes."""
    term = {"labelSelector": {"matchLabels": labels(component)}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def placed(spec: Json, placement: Placement, settings: Settings) -> Json:
    """`spec` with what users say about nodes and registries; their affinity adds to ours."""
    selector = {"kubernetes.io/os": "linux", **placement.node_selector}
    affinity = {**spec.get("affinity", {}), **placement.affinity}
    return {
        **spec,
        "priorityClassName": PRIORITY_CLASS,
        "nodeSelector": selector,
        "tolerations": [*TOLERATIONS, *placement.tolerations],
        **({"affinity": affinity} if affinity else {}),
        **({"imagePullSecrets": [*settings.pull_secrets]} if settings.pull_secrets else {}),
    }


def secret_volume(name: str, secret: str) -> Json:
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}


def ca_volume(configmap: str, *, optional: bool = False) -> Json:
    return {"name": "ca", "configMap": {"name": configmap} | ({"optional": True} if optional else {})}


def mount(name: str, path: str, **more: Any) -> Json:
    return {"name": name, "mountPath": path, **more}
