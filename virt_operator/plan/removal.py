"""Taking an installation down, in an order in which nothing is orphaned.

```
 VMs and VMIs, while their controllers still run ► what serves and what runs ► all the rest ► the finalizer
```
The operator's own authority and certificate stay: it goes on running and may install again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from . import status
from .actions import Action, Delete, DeleteWorkload, PatchStatus, Plan, SetFinalizers
from .identity import Ref, ref_of
from .names import CA_SECRET, OPERATOR_SECRET
from .observed import Observed

Json = dict[str, Any]
FINALIZER: Final = "kubevirt.io/foregroundDeleteKubeVirt"
FINALIZER_OLD: Final = "foregroundDeleteKubeVirt"
LOOK_AGAIN: Final = 1.0
RUNNING: Final = frozenset(
    {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "APIService", "Deployment", "DaemonSet"}
)


def decide(seen: Observed, kubevirt: Json, now: datetime) -> Plan:
    held = kubevirt["metadata"].get("finalizers") or []
    if FINALIZER not in held and FINALIZER_OLD not in held:
        return Plan()
    if seen.workloads:
        message = f"{len(seen.workloads)} virtual machines and instances are still there"
        going = [_delete_workload(each) for each in seen.workloads if not _going(each)]
        return Plan(stages=_stages(_report(kubevirt, message, now), going), again_in=LOOK_AGAIN)
    own = {Ref("Secret", seen.own.namespace, name) for name in (CA_SECRET, OPERATOR_SECRET)}
    ours = {ref: body for ref, body in seen.managed.items() if ref not in own}
    running = {ref: body for ref, body in ours.items() if ref.kind in RUNNING}
    requests = {ref_of(each): each for each in seen.requests}
    present = running or ours or requests
    if present:
        message = f"{len(present)} objects are still there, the first is {min(present)}"
        deletes: list[Action] = [
            Delete(ref=ref, uid=body["metadata"]["uid"]) for ref, body in sorted(present.items()) if not _going(body)
        ]
        return Plan(stages=_stages(_report(kubevirt, message, now), deletes))
    if (kubevirt.get("status") or {}).get("phase") != "Deleted":
        return Plan(stages=(tuple(_report(kubevirt, "All components are gone.", now, done=True)),))
    kept = tuple(name for name in held if name not in (FINALIZER, FINALIZER_OLD))
    version = kubevirt["metadata"]["resourceVersion"]
    return Plan(stages=((SetFinalizers(ref=ref_of(kubevirt), version=version, finalizers=kept),),))


def _report(kubevirt: Json, message: str, now: datetime, *, done: bool = False) -> list[Action]:
    text = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    new = status.deleting(kubevirt, message=message, done=done, now=text)
    if new == kubevirt.get("status"):
        return []
    return [PatchStatus(ref=ref_of(kubevirt), version=kubevirt["metadata"]["resourceVersion"], status=new)]


def _delete_workload(body: Json) -> Action:
    return DeleteWorkload(ref=ref_of(body), uid=body["metadata"]["uid"])


def _going(body: Json) -> bool:
    return bool(body["metadata"].get("deletionTimestamp"))


def _stages(*stages: list[Action]) -> tuple[tuple[Action, ...], ...]:
    return tuple(tuple(stage) for stage in stages if stage)
