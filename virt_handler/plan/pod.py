"""What is read of a launcher pod. Pure."""

from __future__ import annotations

from typing import Any

from virt_model.readiness import PodReadiness

Json = dict[str, Any]


def compute_ended(pod: Json) -> bool:
    """Whether the kubelet says that the launcher's container has ended."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return True
    return any(
        each.get("name") == "compute" and "terminated" in (each.get("state") or {})
        for each in status.get("containerStatuses") or ()
    )


def compute_image(pod: Json | None) -> str:
    """The image of the launcher, "" where the pod is not known."""
    containers = ((pod or {}).get("spec") or {}).get("containers") or ()
    return next((str(each.get("image", "")) for each in containers if each.get("name") == "compute"), "")


def readiness_of(pod: Json) -> PodReadiness:
    """What decides the VMI's own Ready condition."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return PodReadiness(
        terminating="deletionTimestamp" in pod["metadata"],
        finished=compute_ended(pod),
        ready=next((each for each in conditions if each.get("type") == "Ready"), None),
    )
