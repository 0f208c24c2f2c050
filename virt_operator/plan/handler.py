"""The DaemonSet virt-handler: the one privileged pod, on every node that may run guests."""

from __future__ import annotations

from typing import Any

from virt_model.migration_way import INTERFACE

from .names import CA_CONFIGMAP, HANDLER, HANDLER_ACCOUNT, LAUNCHER, PORT
from .pods import ca_volume, command_line, field_env, labels, mount, placed, pod_labels, probes, requests
from .settings import Settings
from .workloads import CONSOLE_PORT

Json = dict[str, Any]

PRIVILEGED: Json = {"privileged": True, "runAsUser": 0}
CAPABILITIES = "/var/lib/podvirt/capabilities"
STATE = "/var/lib/podvirt/handler"
NETWORKS = "k8s.v1.cni.cncf.io/networks"


def daemonset(settings: Settings) -> Json:
    spec = {
        "serviceAccountName": HANDLER_ACCOUNT,
        "hostPID": True,
        "terminationGracePeriodSeconds": 330,
        "initContainers": [_probe_capabilities(settings)],
        "containers": [_container(settings)],
        "volumes": _volumes(),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": HANDLER, "namespace": settings.namespace, "labels": labels(HANDLER)},
        "spec": {
            "selector": {"matchLabels": labels(HANDLER)},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {
                "metadata": {"labels": pod_labels(HANDLER, settings), **_networks(settings)},
                "spec": placed(spec, settings.workloads, settings),
            },
        },
    }


def _container(settings: Settings) -> Json:
    launcher = settings.images.ref(LAUNCHER)
    return {
        "name": HANDLER,
        "image": settings.images.ref(HANDLER),
        "imagePullPolicy": settings.pull_policy,
        **command_line(HANDLER, _args(settings, launcher), settings),
        "env": [
            field_env("NODE_NAME", "spec.nodeName"),
            field_env("MY_POD_IP", "status.podIP"),
            field_env("POD_NAME", "metadata.name"),
            {"name": "VIRT_LAUNCHER_IMAGE", "value": launcher},
        ],
        "ports": [
            {"name": "metrics", "containerPort": PORT, "protocol": "TCP"},
            {"name": "console", "containerPort": CONSOLE_PORT, "protocol": "TCP"},
        ],
        "resources": requests("100m", "80Mi"),  # its share when many guests boot at once
        "securityContext": PRIVILEGED,
        "volumeMounts": [
            mount("private", "/var/run/kubevirt-private"),
            mount("state", STATE),
            mount("pods", "/pods", mountPropagation="HostToContainer"),
            mount("device-plugins", "/var/lib/kubelet/device-plugins"),
            mount("capabilities", CAPABILITIES),
            mount("ca", "/etc/podvirt/ca", readOnly=True),
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **probes(),
    }


def _networks(settings: Settings) -> Json:
    """What Multus shall add to the pod: the network of migrations, under the name by which the agent looks for it."""
    network = settings.migration_network
    return {"annotations": {NETWORKS: f"{network}@{INTERFACE}"}} if network else {}


def _args(settings: Settings, launcher: str) -> list[str]:
    return [
        *("--port", str(PORT)),
        *("--console-port", str(CONSOLE_PORT)),
        *("--node-name", "$(NODE_NAME)"),
        *("--pod-ip", "$(MY_POD_IP)"),
        *("--pods-dir", "/pods"),
        *("--namespace", settings.namespace),
        *("--launcher-image", launcher),
        *("--log-level", "info"),
    ]


def _probe_capabilities(settings: Settings) -> Json:
    """Asks the launcher's own libvirt what this node can do; needs to see the node's devices."""
    return {
        "name": LAUNCHER,
        "image": settings.images.ref(LAUNCHER),
        "imagePullPolicy": settings.pull_policy,
        "command": ["/usr/bin/virt-launcher-capabilities"],
        "args": ["--output-dir", CAPABILITIES],
        "resources": requests("10m", "60Mi"),
        "securityContext": PRIVILEGED,
        "volumeMounts": [mount("capabilities", CAPABILITIES)],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _volumes() -> list[Json]:
    return [
        _host("private", "/var/run/kubevirt-private"),
        _host("state", STATE),
        _host("pods", "/var/lib/kubelet/pods"),
        _host("device-plugins", "/var/lib/kubelet/device-plugins"),
        {"name": "capabilities", "emptyDir": {}},
        ca_volume(CA_CONFIGMAP, optional=True),
    ]


def _host(name: str, path: str) -> Json:
    return {"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
