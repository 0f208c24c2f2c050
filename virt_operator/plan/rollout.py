"""How far workloads have come: what the status says and what an update waits for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .identity import Ref
from .names import API, CONTROLLER, HANDLER

Json = dict[str, Any]

#: an update goes through these in turn, so that an older virt-api never meets objects it does not know
UPDATE_ORDER: Final = (("DaemonSet", HANDLER), ("Deployment", CONTROLLER), ("Deployment", API))


def problem(ref: Ref, actual: Json | None, *, serving: bool = False) -> str | None:
    """What is missing until the object does its work; None when it does. Kinds that just exist are fine at once.

    `serving`: it was complete before, so one pod is enough to say that it still works.
    """
    if actual is None:
        return f"{ref} does not exist yet"
    if ref.kind == "Deployment":
        return _deployment_problem(ref, actual, serving)
    if ref.kind == "DaemonSet":
        return _daemonset_problem(ref, actual, serving)
    if ref.kind == "APIService":
        return _api_service_problem(ref, actual)
    return None


def _deployment_problem(ref: Ref, actual: Json, serving: bool) -> str | None:
    status = actual.get("status") or {}
    wanted, ready = actual["spec"].get("replicas", 1), status.get("availableReplicas", 0)
    if serving:
        return None if ready or not wanted else f"{ref} has no pod that is ready"
    if _unseen(actual):
        return f"{ref} is not looked at yet"
    done = min(status.get("updatedReplicas", 0), ready)
    if done < wanted or status.get("replicas", 0) > wanted:
        return f"{ref}: {done} of {wanted} pods are ready"
    return None


def _daemonset_problem(ref: Ref, actual: Json, serving: bool) -> str | None:
    status = actual.get("status") or {}
    wanted, ready = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    if serving:
        return None if ready or not wanted else f"{ref} has no pod that is ready"
    if _unseen(actual):
        return f"{ref} is not looked at yet"
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
