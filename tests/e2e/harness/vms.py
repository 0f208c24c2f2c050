"""Waiting for what a person sees of a VM or VMI."""

from typing import Any

from .cluster import Cluster, Object
from .waiting import until


def phase(cluster: Cluster, namespace: str, name: str) -> str | None:
    vmi = cluster.get("vmi", name, namespace)
    return None if vmi is None else str(vmi.get("status", {}).get("phase", ""))


def condition(obj: Object | None, kind: str) -> Object | None:
    conditions: list[Object] = (obj or {}).get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), None)


def is_true(obj: Object | None, kind: str) -> bool:
    found = condition(obj, kind)
    return found is not None and found["status"] == "True"


def running(cluster: Cluster, namespace: str, name: str, seconds: float = 120) -> Object:
    """The VMI once it is Running and Ready."""

    def probe() -> Object | None:
        vmi = cluster.get("vmi", name, namespace)
        ready = vmi and vmi["status"].get("phase") == "Running" and is_true(vmi, "Ready")
        return vmi if ready else None

    return until(f"vmi {name} Running and Ready", probe, seconds)


def reaches(cluster: Cluster, namespace: str, name: str, wanted: str, seconds: float = 120) -> Object:
    """The VMI once its phase is `wanted`."""

    def probe() -> Object | None:
        vmi = cluster.get("vmi", name, namespace)
        return vmi if vmi and vmi.get("status", {}).get("phase") == wanted else None

    return until(f"vmi {name} {wanted}", probe, seconds)


def status_of(cluster: Cluster, namespace: str, name: str) -> dict[str, Any]:
    vm = cluster.get("vm", name, namespace)
    if vm is None:
        raise LookupError(f"vm {name} does not exist")
    status: dict[str, Any] = vm.get("status", {})
    return status


def shows(cluster: Cluster, namespace: str, name: str, wanted: str, seconds: float = 120) -> Object:
    """The VM's status once printableStatus is `wanted`."""

    def probe() -> Object | None:
        status = status_of(cluster, namespace, name)
        return status if status.get("printableStatus") == wanted else None

    return until(f"vm {name} {wanted}", probe, seconds)


def gone(cluster: Cluster, namespace: str, kind: str, name: str, seconds: float = 120) -> None:
    until(f"{kind} {name} gone", lambda: cluster.get(kind, name, namespace) is None, seconds)


def replaced(cluster: Cluster, namespace: str, name: str, uid: str, seconds: float = 120) -> Object:
    """The VMI of that name once it is another one than `uid`, and Running."""

    def probe() -> Object | None:
        vmi = cluster.get("vmi", name, namespace)
        fresh = vmi and vmi["metadata"]["uid"] != uid and vmi.get("status", {}).get("phase") == "Running"
        return vmi if fresh else None

    return until(f"a new vmi {name} Running", probe, seconds)


def launcher(cluster: Cluster, namespace: str, vmi: Object) -> Object:
    """The launcher pod of a VMI.

    Raises: AssertionError unless there is exactly one.
    """
    pods = cluster.list("pods", namespace, f"kubevirt.io/created-by={vmi['metadata']['uid']}")
    assert len(pods) == 1, [p["metadata"]["name"] for p in pods]
    return pods[0]


def reasons(cluster: Cluster, namespace: str, name: str) -> set[tuple[str, str]]:
    """(type, reason) of the events about an object."""
    events = cluster.list("events", namespace)
    return {(e["type"], e["reason"]) for e in events if e["involvedObject"].get("name") == name}
