"""Nodes whose agent has fallen silent get no new guests; those that are certainly off give an end to what ran there.

virt-handler writes a heartbeat about once a minute. How long ago the last one came is measured by watching the value
change, on our own clock: the node's clock may be wrong. Silence proves nothing: the guests of a node that nobody
reaches may run. What proves that they do not is in `out`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from virt_controller.plan.actions import Action, Event, Kind, Merge, Plan
from virt_model import conditions, labels, node_ends
from virt_model.seen import Seen

Json = dict[str, Any]
SILENCE: Final = 300.0
LOOK_EVERY: Final = 60.0


class NodeWorld(msgspec.Struct, frozen=True, kw_only=True):
    """A node, and for how many seconds its heartbeat has not changed."""

    node: Seen
    silent_for: float

    def after(self, action: Action, answer: Json | None) -> NodeWorld:
        del action
        return msgspec.structs.replace(self, node=Seen(answer)) if answer is not None else self


def lost(world: NodeWorld) -> bool:
    """Whether nobody answers for the node. One that never had an agent is not lost."""
    return labels.HEARTBEAT in world.node.annotations and world.silent_for > SILENCE


def out(node: Seen | None) -> str:
    """Why nothing can run on a node any more; "" while something may.

    The taint is set by a person or a fencing agent that has switched the machine off. As in Kubernetes it says nothing
    of a node whose kubelet answers. The annotation says the same of one boot of the machine, so that it need not be
    taken off. A node that was deleted is one that an administrator, or the cloud, has given up.
    """
    if node is None:
        return "it was deleted"
    if conditions.is_true(node.conditions, "Ready"):
        return ""
    if any(taint.get("key") == labels.OUT_OF_SERVICE_TAINT for taint in node.spec.get("taints") or ()):
        return f"it has the taint {labels.OUT_OF_SERVICE_TAINT}"
    boot = (node.status.get("nodeInfo") or {}).get("bootID")
    fenced = bool(boot) and node.annotations.get(labels.FENCED_BOOT) == boot
    return f"a fencing agent has ended its boot {boot}" if fenced else ""


def plan(world: NodeWorld) -> Plan:
    if labels.HEARTBEAT not in world.node.annotations:
        return Plan()
    if not lost(world):
        return Plan(again_in=min(LOOK_EVERY, SILENCE - world.silent_for + 1))
    if world.node.labels.get(labels.SCHEDULABLE) != "true":
        return Plan(again_in=LOOK_EVERY)
    text = f"virt-handler is not responsive on node {world.node.name}: its last heartbeat is over five minutes old"
    event = Event(about=world.node.raw, type="Warning", reason=node_ends.UNRESPONSIVE, message=text)
    body = {"metadata": {"uid": world.node.uid, "labels": {labels.SCHEDULABLE: "false"}}}
    action = Merge(kind=Kind.NODE, namespace="", name=world.node.name, body=body, why="silent", events=(event,))
    return Plan(action=action)
