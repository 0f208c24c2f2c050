"""What explains a failure: objects, events and logs of a namespace and of podvirt itself."""

import json

from .cluster import Cluster

LIMIT = 6000


def _section(title: str, text: str) -> str:
    return f"\n--- {title}\n{text.strip()[-LIMIT:]}\n"


def _quiet(cluster: Cluster, *words: str) -> str:
    result = cluster.try_kubectl(*words, seconds=30)
    return result.out or result.err


def collect(cluster: Cluster, namespace: str) -> str:
    """Printed once a test has failed; never raises for what is missing."""
    parts = [_section("objects", _quiet(cluster, "-n", namespace, "get", "vms,vmis,vmims,pods,svc", "-o", "wide"))]
    for kind in ("vm", "vmi"):
        for item in json.loads(_quiet(cluster, "-n", namespace, "get", kind, "-o", "json") or "{}").get("items", []):
            parts.append(
                _section(f"{kind} {item['metadata']['name']} status", json.dumps(item.get("status"), indent=1))
            )
    parts.append(_section("events", _quiet(cluster, "-n", namespace, "get", "events", "--sort-by=.lastTimestamp")))
    for pod in _quiet(cluster, "-n", namespace, "get", "pods", "-o", "name").split():
        parts.append(_section(f"describe {pod}", _quiet(cluster, "-n", namespace, "describe", pod)[-2500:]))
        parts.append(
            _section(f"log {pod}", _quiet(cluster, "-n", namespace, "logs", pod, "--all-containers", "--tail=60"))
        )
    for component in ("virt-operator", "virt-api", "virt-controller", "virt-handler"):
        log = _quiet(cluster, "-n", "kubevirt", "logs", "-l", f"kubevirt.io={component}", "--tail=60", "--prefix")
        parts.append(_section(f"log {component}", log))
    parts.append(_section("podvirt's pods", _quiet(cluster, "-n", "kubevirt", "get", "pods", "-o", "wide")))
    return "".join(parts)
