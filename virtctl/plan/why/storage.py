"""Claims that a guest's volumes name: not there, or not bound to a volume."""

from __future__ import annotations

from typing import Final

from virt_model.conditions import Type
from virt_model.seen import Seen
from virtctl.plan.why.case import Case, Cause, Link, message_of, said_by

_CANNOT: Final = ("ProvisioningFailed", "FailedBinding", "ProvisioningFailure")
_ON_ITS_WAY: Final = ("ExternalProvisioning", "Provisioning", "WaitForPodScheduled", "WaitForFirstConsumer")


def missing(case: Case) -> Cause | None:
    """virt-controller makes no pod before every claim is there."""
    found = case.is_false(Type.SYNCHRONIZED, "FailedPvcNotFound")
    absent = [name for name, claim in case.claims.items() if claim is None]
    if found is None or not (absent or not case.claims):
        return None
    named = f" {absent[0]}" if absent else ""
    return Cause(
        at=Link.POD,
        waits=f"waits for the claim{named}, which does not exist",
        says=message_of(found),
        said_by=said_by(found, "VMI"),
        do=(
            f"make the claim, and it starts by itself: {case.command} get pvc",
            f"or name another one in {case.spec_path}.volumes: {case.command} edit {case.object}",
        ),
    )


def pending(case: Case) -> Cause | None:
    """A claim that waits for its first consumer is bound with the pod; any other keeps the pod from its node."""
    if case.pod is None or case.pod.node:
        return None
    for name, claim in case.claims.items():
        if claim is not None and claim.status.get("phase") in ("Pending", "Lost"):
            told = case.told("PersistentVolumeClaim", *_CANNOT, *_ON_ITS_WAY, name=name)
            if told is None or told.reason != "WaitForFirstConsumer":
                return _unbound(case, claim, told.message if told is not None else "")
    return None


def _unbound(case: Case, claim: Seen, told: str) -> Cause:
    said = f"event about the claim {claim.name}" if told else "its status"
    asked = claim.spec.get("storageClassName")
    if claim.status.get("phase") == "Lost":
        what, do = "has lost its volume", f"restore the volume {claim.spec.get('volumeName')}, or make the claim anew"
    elif asked == "":
        what = "is bound to no volume, and no storage class is to make one"
        do = "make a PersistentVolume that fits it, or make the claim anew with a storage class"
    else:
        what = f"is not bound yet (storage class {asked or 'by default'})"
        do = f"see what its provisioner says: {case.command} describe pvc {claim.name}; kubectl get storageclass"
    return Cause(
        at=Link.POD,
        waits=f"waits for the claim {claim.name}, which {what}",
        says=told or f"phase {claim.status.get('phase')}",
        said_by=said,
        do=(do,),
    )
