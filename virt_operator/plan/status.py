"""The status of the KubeVirt object: phase, conditions, versions, generations.

| situation | Available | Progressing | Degraded | reason |
|---|---|---|---|---|
| DEPLOYING | False | True | False | DeploymentInProgress |
| READY | True | False | False | AllComponentsReady |
| WEAKENED (a pod is missing) | True | False | True | ComponentsNotReady |
| DOWN (a component has no pod) | False | True | True | ComponentsNotReady |
| UPDATING | True | True | True | UpdateInProgress |
| DELETING | False | False | True | DeletionInProgress |
| FAILED | False | False | True | DeploymentFailed |
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from virt_model import conditions as model
from virt_model.conditions import FALSE, TRUE, Condition

from .identity import Ref, deployment_id, hash_of
from .settings import Settings

Json = dict[str, Any]


class Situation(Enum):
    DEPLOYING = "DEPLOYING"
    READY = "READY"
    WEAKENED = "WEAKENED"
    DOWN = "DOWN"
    UPDATING = "UPDATING"
    DELETING = "DELETING"
    FAILED = "FAILED"


#: (Available, Progressing, Degraded, reason)
CLAIMS: Final = {
    Situation.DEPLOYING: (FALSE, TRUE, FALSE, "DeploymentInProgress"),
    Situation.READY: (TRUE, FALSE, FALSE, "AllComponentsReady"),
    Situation.WEAKENED: (TRUE, FALSE, TRUE, "ComponentsNotReady"),
    Situation.DOWN: (FALSE, TRUE, TRUE, "ComponentsNotReady"),
    Situation.UPDATING: (TRUE, TRUE, TRUE, "UpdateInProgress"),
    Situation.DELETING: (FALSE, FALSE, TRUE, "DeletionInProgress"),
    Situation.FAILED: (FALSE, FALSE, TRUE, "DeploymentFailed"),
}
#: all that was asked for is there and works
_ARRIVED: Final = (Situation.READY, Situation.WEAKENED)

#: what has a generation worth showing, and its API group
_GENERATIONS: Final = {
    "Deployment": ("apps", "deployments"),
    "DaemonSet": ("apps", "daemonsets"),
    "PodDisruptionBudget": ("policy", "poddisruptionbudgets"),
    "MutatingWebhookConfiguration": ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
}


def conditions_for(old: model.Conditions, situation: Situation, message: str, now: str) -> list[Json]:
    """`message` says what is awaited or what failed. `now` is RFC 3339."""
    available, progressing, degraded, reason = CLAIMS[situation]
    if situation in _ARRIVED:
        message = message or "All components are ready."
        old = model.drop(old, "Synchronized")
        old = _put(old, "Created", TRUE, "AllResourcesCreated", "All resources were created.", now)
    elif situation in (Situation.UPDATING, Situation.DOWN):
        old = model.drop(old, "Created", "Synchronized")
    elif situation is Situation.FAILED:
        old = _put(old, "Synchronized", FALSE, reason, message, now)
    else:
        old = model.drop(old, "Synchronized")
    for kind, value in (("Available", available), ("Progressing", progressing), ("Degraded", degraded)):
        old = _put(old, kind, value, reason, message, now)
    return [dict(each) for each in old]


def _put(old: model.Conditions, kind: str, value: str, reason: str, message: str, now: str) -> model.Conditions:
    claim = Condition(type=kind, status=value, reason=reason, message=message, stamp=model.Stamp.PROBED)
    return model.put(old, claim, now)


def installing(
    kubevirt: Json,
    settings: Settings,
    actual: Mapping[Ref, Json],
    *,
    situation: Situation,
    message: str,
    operator_version: str,
    architecture: str,
    now: str,
) -> Json:
    """The whole new status; what we do not know in the old one stays."""
    old = kubevirt.get("status") or {}
    target = _versions(settings)
    new = {
        **old,
        "phase": "Deployed" if situation in _ARRIVED or old.get("phase") == "Deployed" else "Deploying",
        "operatorVersion": operator_version,
        "defaultArchitecture": architecture,
        "conditions": conditions_for(old.get("conditions") or [], situation, message, now),
        "generations": _generations(actual),
        **{f"target{name}": value for name, value in target.items()},
    }
    if situation in _ARRIVED:
        new |= {f"observed{name}": value for name, value in target.items()}
        new["observedGeneration"] = kubevirt["metadata"].get("generation", 1)
    return new


def deleting(kubevirt: Json, *, message: str, done: bool, now: str) -> Json:
    old = kubevirt.get("status") or {}
    listed = conditions_for(old.get("conditions") or [], Situation.DELETING, message, now)
    return {**old, "phase": "Deleted" if done else "Deleting", "conditions": listed, "generations": []}


def surplus(kubevirt: Json, now: str) -> Json:
    """For a second KubeVirt object, which slipped past admission."""
    old = kubevirt.get("status") or {}
    claim = Condition(
        type="Synchronized",
        status=FALSE,
        reason="ExistingDeployment",
        message="There is an active KubeVirt deployment",
        stamp=model.Stamp.PROBED,
    )
    return {**old, "conditions": [dict(each) for each in model.put(old.get("conditions") or [], claim, now)]}


def _versions(settings: Settings) -> Json:
    return {
        "KubeVirtRegistry": settings.images.prefix,
        "KubeVirtVersion": settings.images.tag,
        "DeploymentConfig": settings.config_text(),
        "DeploymentID": deployment_id(settings),
    }


def _generations(actual: Mapping[Ref, Json]) -> list[Json]:
    found = []
    for ref in sorted(actual):
        if ref.kind in _GENERATIONS:
            group, resource = _GENERATIONS[ref.kind]
            body = actual[ref]
            entry: Json = {
                "group": group,
                "resource": resource,
                "name": ref.name,
                "lastGeneration": body["metadata"].get("generation", 0),
                "hash": hash_of(body),
            }
            found.append(entry | ({"namespace": ref.namespace} if ref.namespace else {}))
    return found
