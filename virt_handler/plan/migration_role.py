"""What this node is to a VMI that moves, or has moved: read from the VMI's runner and its migration. Pure.

The runner alone says where the guest may run; the state of the migration says who prepares what meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from virt_handler.plan.pod import compute_ended
from virt_model import labels, names
from virt_model.runner import runner_of

Json = dict[str, Any]


class Role(StrEnum):
    RUNNER = "runner"  # the guest runs here, and nothing is about to move it
    SOURCE = "source"  # the guest runs here and is to leave
    TARGET = "target"  # the guest is to come here
    TAKING = "taking"  # the guest has come: the pod here is its runner
    AWAITED = "awaited"  # a migration's pod is here, and virt-controller has not begun the migration yet
    LEFT = "left"  # no guest may run here


class Move(Struct, frozen=True, kw_only=True):
    """A VMI's `status.migrationState` as far as the agents act on it. A stamp is "" until it is set."""

    uid: str
    source_node: str = ""
    target_node: str = ""
    target_pod: str = ""
    address: str = ""
    port: int = 0
    """Where the target's agent listens; 0 until it does."""
    started: str = ""
    detected: bool = False
    received: str = ""
    ended: str = ""
    completed: bool = False
    abort_requested: bool = False
    abort_status: str = ""
    mode: str = ""
    forced: bool = False
    """Somebody wants it done, even if the guest must stand still for that."""
    configuration: Json = {}

    @property
    def plain(self) -> bool:
        """Memory and disks go without TLS."""
        return self.configuration.get("disableTLS") is True

    @property
    def under_way(self) -> bool:
        return bool(self.target_pod) and not self.completed


def move_of(vmi: Json) -> Move | None:
    """The VMI's latest migration, None where there was none."""
    state = (vmi.get("status") or {}).get("migrationState") or {}
    if not state.get("migrationUid"):
        return None
    return Move(
        uid=state["migrationUid"], source_node=state.get("sourceNode", ""), target_node=state.get("targetNode", ""),
        target_pod=state.get("targetPod", ""),
        address=state.get("targetNodeAddress", ""),
        port=next((int(port) for port in state.get("targetDirectMigrationNodePorts") or ()), 0),
        started=state.get("startTimestamp") or "", detected=bool(state.get("targetNodeDomainDetected")),
        received=state.get("targetNodeDomainReadyTimestamp") or "", ended=state.get("endTimestamp") or "",
        completed=bool(state.get("completed")), abort_requested=bool(state.get("abortRequested")),
        abort_status=state.get("abortStatus") or "", mode=state.get("mode") or "",
        forced=(vmi["metadata"].get("annotations") or {}).get(labels.FORCE_COMPLETE) == state["migrationUid"],
        configuration=state.get("migrationConfiguration") or {},
    )  # fmt: skip


def role_of(vmi: Json, pod: Json | None, pod_uid: str, node: str) -> Role:
    """`pod` is the VMI's launcher pod on this node, `pod_uid` the UID of the one we know of, which may be gone."""
    move = move_of(vmi)
    runs_here = _runs_here(vmi, pod, pod_uid, node)
    if move is not None and move.under_way:
        if runs_here:
            return Role.TAKING if move.target_node == node else Role.SOURCE
        if pod is not None and pod["metadata"]["name"] == move.target_pod:
            return Role.TARGET
    if runs_here:
        return Role.RUNNER
    job = ((pod or {}).get("metadata", {}).get("labels") or {}).get(labels.MIGRATION_JOB_UID)
    handed_over = pod_uid in ((vmi.get("status") or {}).get("activePods") or {})
    awaited = job and job != (move.uid if move else "") and not handed_over
    return Role.AWAITED if awaited else Role.LEFT


def _runs_here(vmi: Json, pod: Json | None, pod_uid: str, node: str) -> bool:
    runner = runner_of(vmi)
    if pod is not None:
        return runner.is_pod(vmi, pod)
    if runner.pod_uid:
        return runner.pod_uid == pod_uid
    return (vmi.get("status") or {}).get("nodeName", "") in ("", node)


def _is_targets(vmi: Json, pod: Json) -> bool:
    job: str = (pod["metadata"].get("labels") or {}).get(labels.MIGRATION_JOB_UID) or ""
    return bool(job) and pod["metadata"]["name"] == names.target_pod_name(vmi["metadata"]["name"], job)


def pod_here(vmi: Json, pods: list[Json], pod_uid: str) -> Json | None:
    """Of the launcher pods of this node the one that matters to the VMI; whatever labels others carry.

    The runner, else the target of the migration under way, else the one we know while it runs, else one that a
    migration made and that runs for nothing or waits for its turn, else the one we know although it has ended.
    """
    own = [pod for pod in pods if pod["metadata"].get("namespace") == vmi["metadata"].get("namespace")]
    runner, move = runner_of(vmi), move_of(vmi)
    wanted = move.target_pod if move is not None and move.under_way else ""
    in_turn: tuple[Callable[[Json], bool], ...] = (
        lambda pod: runner.is_pod(vmi, pod),
        lambda pod: pod["metadata"]["name"] == wanted,
        lambda pod: pod["metadata"]["uid"] == pod_uid and not compute_ended(pod),
        lambda pod: _is_targets(vmi, pod) and not compute_ended(pod),
        lambda pod: pod["metadata"]["uid"] == pod_uid,
    )
    for matters in in_turn:
        if found := next((pod for pod in own if matters(pod)), None):
            return found
    return None
