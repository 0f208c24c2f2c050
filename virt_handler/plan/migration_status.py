"""The moments of a migration as virt-handler writes them into the VMI: one function each. Pure.

target: listening ─► detected ─► received                      ─► landed ─► completed
source:              started                  (or failed)     ─► runner handed over

post-copy
target: listening ─► detected                           ─► fetching ─► landed ─► completed
source:              started     ─► runner handed over
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from virt_handler.plan.domain import Domain
from virt_model import labels, migration_progress
from virt_model.seen import seconds

Json = dict[str, Any]
Addresses = Mapping[str, tuple[str, ...]]
"""Network name to the pod's addresses of it, in the order to show."""
PRE_COPY, STANDING, POST_COPY = "PreCopy", "Paused", "PostCopy"
"""How the guest is while its memory is sent: it runs at the source, stands still, or runs at the target."""
POST_COPY_FAILED: Final = "PostcopyFailed"
"""The reason of what is told of a guest that was lost because its memory was on two nodes."""
OVER_LABELS: Final = {labels.MIGRATION_TARGET_NODE_NAME: None}
OVER_ANNOTATIONS: Final = {migration_progress.ANNOTATION: None, labels.FORCE_COMPLETE: None, labels.UNFREEZE_AT: None}
"""What goes in the write that says that a migration is over."""


def _with(status: Json, **fields: Any) -> Json:
    return {**status, "migrationState": {**(status.get("migrationState") or {}), **fields}}


def _of(vmi: Json) -> Json:
    return vmi.get("status") or {}


def listening(vmi: Json, address: str, port: int) -> Json:
    """Port 0 of the launcher stands for all of its channels: they share one port of the node."""
    return _with(_of(vmi), targetNodeAddress=address, targetDirectMigrationNodePorts={str(port): 0})


def started(vmi: Json, now: str) -> Json:
    return _with(_of(vmi), startTimestamp=now, mode=PRE_COPY)


def standing(vmi: Json) -> Json:
    return _with(_of(vmi), mode=STANDING)


def detected(vmi: Json) -> Json:
    return _with(_of(vmi), targetNodeDomainDetected=True)


def received(vmi: Json, now: str) -> Json:
    return _with(_of(vmi), targetNodeDomainDetected=True, targetNodeDomainReadyTimestamp=now)


def switched(status: Json) -> Json:
    """`status` is what the next node must know."""
    return _with(status, mode=POST_COPY)


def fetching(vmi: Json, node: str, addresses: Addresses, now: str) -> Json:
    """The guest runs here, and clients shall find it; the rest of its memory is coming."""
    status = _of(vmi)
    here = [_reached_at(entry, addresses.get(entry.get("name", ""), ())) for entry in status.get("interfaces") or ()]
    moved = {**status, "nodeName": node, **({"interfaces": here} if here else {})}
    return _with(moved, targetNodeDomainDetected=True, targetNodeDomainReadyTimestamp=now)


def _reached_at(entry: Json, addresses: tuple[str, ...]) -> Json:
    return {**entry, "ipAddress": addresses[0], "ipAddresses": list(addresses)} if addresses else entry


def lost(vmi: Json, why: str, now: str) -> Json:
    """The guest's memory was on two nodes, and one part of it is gone."""
    told = failed(vmi, f"{POST_COPY_FAILED}: {why}", now, aborted=False)
    return {**told, "reason": POST_COPY_FAILED}


def landed(status: Json, node: str, image: str, now: str) -> Json:
    """`status` is what the running guest looks like here, `image` its launcher's."""
    kept = {key: value for key, value in status.items() if key != "evacuationNodeName"}
    launcher = {"launcherContainerImageVersion": image} if image else {}
    return _with({**kept, **launcher, "nodeName": node}, endTimestamp=now)


def completed(vmi: Json) -> Json:
    return _with(_of(vmi), completed=True)


def aborting(vmi: Json) -> Json:
    return _with(_of(vmi), abortStatus="Aborting")


def failed(vmi: Json, reason: str, now: str, *, aborted: bool) -> Json:
    told = {"abortStatus": "Succeeded"} if aborted else {}
    return _with(_of(vmi), completed=True, failed=True, failureReason=reason, endTimestamp=now, **told)


MOST_SECONDS, AT_ONCE = 86400.0, 1.0


def frozen_until(domain: Domain) -> dict[str, str]:
    """As an annotation: when the guest that leaves is to be unfrozen; empty where it is not, or by nobody but its user.

    The launcher that keeps the time ends with the guest's stay.
    """
    agent = domain.agent
    return {labels.UNFREEZE_AT: f"{agent.unfreeze_at:.0f}"} if agent and agent.frozen and agent.unfreeze_at else {}


def unfreeze_after(vmi: Json, now: str) -> float:
    """Seconds that are left of it, by this node's clock; 0 where nothing is said."""
    said, moment = (vmi["metadata"].get("annotations") or {}).get(labels.UNFREEZE_AT, ""), seconds(now)
    if not said.isdecimal() or moment is None:
        return 0.0
    return min(max(float(said) - moment, AT_ONCE), MOST_SECONDS)
