"""How far workloads have come: what the status says and what an update waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .identity import Ref
from .names import API, CONTROLLER, HANDLER

Json = dict[str, Any]

#: an update goes through these in turn, so that an older virt-api never meets objects it does not know
UPDATE_ORDER: Final = (("DaemonSet", HANDLER), ("Deployment", CONTROLLER), ("Deployment", API))

_RUNNING: Final = ("Deployment", "DaemonSet")
_SERVING: Final = (*_RUNNING, "APIService", "Service")


def problem(ref: Ref, actual: Json | None) -> str | None:
    """What is missing until the object is wholly as it should be; None when it is. Most kinds just exist."""
    if actual is None:
        return f"{ref} does not exist yet"
    if ref.kind == "Deployment":
        return _deployment_problem(ref, actual)
    if ref.kind == "DaemonSet":
        return _daemonset_problem(ref, actual)
    if ref.kind == "APIService":
        return _api_service_problem(ref, actual)
    return None


def outage(ref: Ref, actual: Json | None) -> str | None:
    """Why nothing is done any more of what the object stands for; None while anything is. One pod is enough."""
    if ref.kind not in _SERVING:
        return None
    if actual is None:
        return f"{ref} does not exist yet"
    if ref.kind == "APIService":
        return _api_service_problem(ref, actual)
    wanted, ready = _pods(actual) if ref.kind in _RUNNING else (0, 0)
    return f"{ref} has no pod that is ready" if wanted and not ready else None


def weakness(ref: Ref, actual: Json | None) -> str | None:
    """How many pods are missing of those that there should be, of whatever release."""
    if actual is None or ref.kind not in _RUNNING:
        return None
    wanted, ready = _pods(actual)
    return f"{ref}: {ready} of {wanted} pods are ready" if ready < wanted else None


def _pods(actual: Json) -> tuple[int, int]:
    """(wanted, ready) of a Deployment or DaemonSet."""
    status = actual.get("status") or {}
    if actual["kind"] == "DaemonSet":
        return status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    return actual["spec"].get("replicas", 1), status.get("availableReplicas", 0)


def _deployment_problem(ref: Ref, actual: Json) -> str | None:
    if _unseen(actual):
        return f"{ref} is not looked at yet"
    status, (wanted, ready) = actual.get("status") or {}, _pods(actual)
    done = min(status.get("updatedReplicas", 0), ready)
    if done < wanted or status.get("replicas", 0) > wanted:
        return f"{ref}: {done} of {wanted} pods are ready"
    return None


def _daemonset_problem(ref: Ref, actual: Json) -> str | None:
    if _unseen(actual):
        return f"{ref} is not looked at yet"
    status, (wanted, ready) = actual.get("status") or {}, _pods(actual)
    if not wanted:
        return f"{ref}: no node takes it"
    done = min(status.get("updatedNumberScheduled", 0), ready)
    return f"{ref}: {done} of {wanted} pods are ready" if done < wanted else None


def _unseen(actual: Json) -> bool:
    status = actual.get("status") or {}
    return bool(status.get("observedGeneration", 0) < actual["metadata"].get("generation", 0))


def _api_service_problem(ref: Ref, actual: Json) -> str | None:
    conditions = (actual.get("status") or {}).get("conditions") or []
    available: Json = next((each for each in conditions if each.get("type") == "Available"), {})
    if available.get("status") == "True":
        return None
    return f"{ref} is not available: {available.get('message') or 'not checked yet'}"


def may_update(ref: Ref, namespace: str, actual: Mapping[Ref, Json], stale: frozenset[Ref]) -> bool:
    """Whether the turn of `ref` has come: all before it in UPDATE_ORDER are up to date and ready.

    `stale` are the objects whose content differs from what is wanted.
    """
    order = [Ref(kind, namespace, name) for kind, name in UPDATE_ORDER]
    if ref not in order:
        return True
    before = order[: order.index(ref)]
    return all(each not in stale and problem(each, actual.get(each)) is None for each in before)
