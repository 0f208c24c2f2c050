"""The Deployments of virt-api and virt-controller with their disruption budgets, and the operator's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .names import (
    API,
    API_ACCOUNT,
    API_SECRET,
    CA_CONFIGMAP,
    CONTROLLER,
    CONTROLLER_ACCOUNT,
    CONTROLLER_CLIENT_SECRET,
    CONTROLLER_SECRET,
    HANDLER_CLIENT_SECRET,
    LAUNCHER,
    OPERATOR,
    OPERATOR_ACCOUNT,
    PORT,
)
from .pods import (
    HARDENED,
    UNPRIVILEGED_POD,
    apart,
    ca_volume,
    command_line,
    field_env,
    labels,
    mount,
    placed,
    pod_labels,
    probes,
    requests,
    secret_volume,
)
from .settings import Placement, Settings

Json = dict[str, Any]
CONSOLE_PORT = 8186
DEFAULT_REPLICAS = 2
#: a request is also the share of a busy node: what VMs wait for must not starve beside thirty of them that boot
CPU_REQUEST = {API: "50m", CONTROLLER: "50m", OPERATOR: "10m"}


def objects(settings: Settings) -> list[Json]:
    return [virt_api(settings), virt_controller(settings), *(budget(name, settings) for name in (API, CONTROLLER))]


def virt_api(settings: Settings) -> Json:
    container = _container(
        API,
        settings,
        args=["--console-server-port", str(CONSOLE_PORT)],
        mounts=[
            mount("certificates", "/etc/virt-api/certificates", readOnly=True),
            mount("handler-client", "/etc/virt-handler/clientcertificates", readOnly=True),
            mount("ca", "/etc/podvirt/ca", readOnly=True),
        ],
    )
    volumes = [
        secret_volume("certificates", API_SECRET),
        secret_volume("handler-client", HANDLER_CLIENT_SECRET),
        ca_volume(CA_CONFIGMAP),
    ]
    return _deployment(API, API_ACCOUNT, container, volumes, settings.infra, settings)


def virt_controller(settings: Settings) -> Json:
    launcher = settings.images.ref(LAUNCHER)
    container = _container(
        CONTROLLER,
        settings,
        args=["--launcher-image", launcher],
        env=[{"name": "VIRT_LAUNCHER_IMAGE", "value": launcher}],
        mounts=[
            mount("certificates", "/etc/virt-controller/certificates", readOnly=True),
            mount("handler-client", "/etc/virt-controller/handler-client", readOnly=True),
            mount("ca", "/etc/podvirt/ca", readOnly=True),
        ],
    )
    volumes = [
        secret_volume("certificates", CONTROLLER_SECRET),
        secret_volume("handler-client", CONTROLLER_CLIENT_SECRET),
        ca_volume(CA_CONFIGMAP),
    ]
    return _deployment(CONTROLLER, CONTROLLER_ACCOUNT, container, volumes, settings.infra, settings)


def virt_operator(settings: Settings) -> Json:
    """Part of the manifest that users apply; it finds the other images beside its own."""
    env = [
        {"name": "VIRT_OPERATOR_IMAGE", "value": settings.images.ref(OPERATOR)},
        {"name": "KUBEVIRT_VERSION", "value": settings.images.tag},
    ]
    container = _container(OPERATOR, settings, args=[], env=env, mounts=[mount("tmp", "/tmp")])
    volumes = [{"name": "tmp", "emptyDir": {}}]
    return _deployment(OPERATOR, OPERATOR_ACCOUNT, container, volumes, Placement(), settings)


def budget(component: str, settings: Settings) -> Json:
    """A drain leaves one replica running."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": f"{component}-pdb", "namespace": settings.namespace},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": labels(component)}},
    }


def _container(
    component: str, settings: Settings, *, args: list[str], mounts: list[Json], env: Sequence[Json] = ()
) -> Json:
    common = ["--port", str(PORT), "--namespace", settings.namespace, "--log-level", "info"]
    return {
        "name": component,
        "image": settings.images.ref(component),
        "imagePullPolicy": settings.pull_policy,
        **command_line(component, [*common, *args], settings),
        "env": [field_env("POD_NAME", "metadata.name"), *env],
        "ports": [{"name": "metrics", "containerPort": PORT, "protocol": "TCP"}],
        "resources": requests(CPU_REQUEST[component], "60Mi"),
        "securityContext": HARDENED,
        "volumeMounts": mounts,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **probes(),
    }


def _deployment(
    component: str, account: str, container: Json, volumes: list[Json], placement: Placement, settings: Settings
) -> Json:
    spec = {
        "serviceAccountName": account,
        "securityContext": UNPRIVILEGED_POD | {"fsGroup": 1001},
        "terminationGracePeriodSeconds": 15,
        "containers": [container],
        "volumes": volumes,
        "affinity": apart(component),
    }
    replicas = DEFAULT_REPLICAS if settings.replicas is None or component == OPERATOR else settings.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": component, "namespace": settings.namespace, "labels": labels(component)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels(component)},
            "template": {
                "metadata": {"labels": pod_labels(component, settings)},
                "spec": placed(spec, placement, settings),
            },
        },
    }
