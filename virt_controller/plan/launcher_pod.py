"""The launcher pod of a VMI, as the API server is asked to create it.

Rendered once, when the VMI starts; a change of configuration does not touch pods that exist. No init container: each
costs the time of one more container start, and images are resolved by the kubelet without them.
"""

from __future__ import annotations

from typing import Any, Final

from virt_controller.plan import (
    launcher_metadata,
    launcher_placement,
    launcher_probes,
    launcher_resources,
    launcher_volumes,
)
from virt_controller.plan.launcher import Launcher, launcher_of
from virt_model import console_log, labels, names, paths
from virt_model.config import ClusterConfig
from virt_model.devices import LAUNCHER_USER

Json = dict[str, Any]
#: seconds beyond the guest's own grace until the launcher gives up on it, and until the kubelet gives up on both
_LAUNCHER_MARGIN: Final = 15
_POD_MARGIN: Final = 30
_COPIED: Final = (
    "tolerations",
    "topologySpreadConstraints",
    "dnsPolicy",
    "dnsConfig",
    "schedulerName",
    "priorityClassName",
    "subdomain",
)
#: tail and a shell; the CPU limit is wide because the container runtime's own start is charged to it
_CONSOLE_LOG_RESOURCES: Final = {
    "requests": {"cpu": "5m", "memory": "4M"},
    "limits": {"cpu": "100m", "memory": "24M"},
}


def render(raw: Json, config: ClusterConfig, image: str) -> Json:
    """The pod for a VMI. Raises msgspec.ValidationError for a spec of the wrong shape."""
    launcher = launcher_of(raw, config, image)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": launcher_metadata.metadata(launcher),
        "spec": _spec(launcher),
    }


def memory_overhead(raw: Json, config: ClusterConfig) -> int:
    """Bytes that the pod asks for beyond the guest's memory."""
    return launcher_resources.memory_overhead(launcher_of(raw, config, ""))


def _spec(launcher: Launcher) -> Json:
    vmi = launcher.vmi
    accounts = [volume.service_account for volume in launcher.spec.volumes if volume.service_account is not None]
    account = next((each.service_account_name for each in accounts), "") or launcher.spec.service_account_name
    containers = [_compute(launcher), *([_console_log(launcher)] if launcher.logs_console else [])]
    spec: Json = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": launcher.grace_seconds + _POD_MARGIN,
        "enableServiceLinks": False,
        "automountServiceAccountToken": bool(accounts),
        "hostname": names.hostname(vmi.name, launcher.spec.hostname),
        "readinessGates": [{"conditionType": labels.UNPAUSED_GATE}],
        "securityContext": _pod_security(launcher),
        "nodeSelector": launcher_placement.node_selector(launcher),
        "containers": containers,
        "volumes": launcher_volumes.volumes(launcher),
        **{field: vmi.spec[field] for field in _COPIED if vmi.spec.get(field)},
    }
    optional = {
        "affinity": launcher_placement.affinity(launcher),
        "serviceAccountName": account,
        "imagePullSecrets": launcher_volumes.pull_secrets(launcher),
    }
    return spec | {field: value for field, value in optional.items() if value}


def _pod_security(launcher: Launcher) -> Json:
    context: Json = {
        "runAsUser": LAUNCHER_USER,
        "runAsGroup": LAUNCHER_USER,
        "runAsNonRoot": True,
        "fsGroup": LAUNCHER_USER,
    }
    profile = launcher.config.seccomp_profile
    if profile.get("runtimeDefaultProfile"):
        context["seccompProfile"] = {"type": "RuntimeDefault"}
    elif local := profile.get("localhostProfile"):
        context["seccompProfile"] = {"type": "Localhost", "localhostProfile": local}
    return context


def _compute(launcher: Launcher) -> Json:
    container: Json = {
        "name": "compute",
        "image": launcher.image,
        "imagePullPolicy": launcher.config.image_pull_policy,
        "command": ["/usr/bin/virt-launcher-monitor"],
        "args": _arguments(launcher),
        "env": _environment(),
        "resources": launcher_resources.resources(launcher),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "runAsUser": LAUNCHER_USER,
            "runAsGroup": LAUNCHER_USER,
            "runAsNonRoot": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": launcher_volumes.mounts(launcher),
        **launcher_probes.probes(launcher),
    }
    ports = _ports(launcher)
    return container | ({"ports": ports} if ports else {})


def _arguments(launcher: Launcher) -> list[str]:
    vmi = launcher.vmi
    grace = str(launcher.grace_seconds + _LAUNCHER_MARGIN)
    words = ["--name", vmi.name, "--uid", vmi.uid, "--namespace", vmi.namespace, "--grace-period-seconds", grace]
    return [*words, "--allow-emulation"] if launcher.config.use_emulation else words


def _environment() -> list[Json]:
    return [
        {"name": "XDG_CACHE_HOME", "value": paths.PRIVATE},
        {"name": "XDG_CONFIG_HOME", "value": paths.PRIVATE},
        {"name": "XDG_RUNTIME_DIR", "value": "/var/run"},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ]


def _ports(launcher: Launcher) -> list[Json]:
    """What the guest says it serves: for people to read, the pod's network does not depend on it."""
    found = []
    for nic in launcher.spec.domain.devices.interfaces:
        for port in nic.ports:
            entry: Json = {"containerPort": port.port, "protocol": port.protocol or "TCP"}
            found.append({"name": port.name, **entry} if port.name else entry)
    return found


def _console_log(launcher: Launcher) -> Json:
    return {
        "name": console_log.CONTAINER,
        "image": launcher.image,
        "imagePullPolicy": launcher.config.image_pull_policy,
        "command": ["/usr/bin/virt-tail"],
        "args": ["--logfile", paths.serial_log(launcher.vmi.uid)],
        "resources": _console_log_resources(launcher),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsUser": LAUNCHER_USER,
            "runAsNonRoot": True,
        },
        "volumeMounts": [{"name": "private", "mountPath": paths.PRIVATE, "readOnly": True}],
    }


def _console_log_resources(launcher: Launcher) -> Json:
    """In a guaranteed pod every container's requests equal its limits."""
    limits = _CONSOLE_LOG_RESOURCES["limits"]
    if launcher_resources.is_guaranteed(launcher):
        return {"requests": limits, "limits": limits}
    return dict(_CONSOLE_LOG_RESOURCES)
