"""Self-fencing: the lease of a node, and who must agree that the node is lost. Pure.

```
 node's agent ──renews──► Lease in the API            whoever may start its guests elsewhere waits until
      │                                               the lease has not been renewed for its length, and
      └────asks──► witnesses (other nodes' agents)    `lost_needed` of the witnesses call the node lost
```
While neither a renewal nor `reach_needed` of the witnesses answer, the node's guests end before the lease does. Of n
witnesses the two numbers make n + 1: whoever is reached and whoever calls the node lost always share one, and a
witness never does both. `docs/design/2026-11-27-self-fencing.md` has the argument.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from msgspec import Struct

from virt_model.runner import runner_of

Json = dict[str, Any]
WANTED: Final = "podvirt.io/self-fencing"
"""Annotation of a VMI, or of the KubeVirt object for all: `true` or `false`."""
LEASE_SECONDS: Final = "podvirt.io/self-fencing-lease-seconds"
"""Annotation of the KubeVirt object: how long a node's lease lasts."""
GUARDED: Final = "podvirt.io/guarded"
"""Annotation of a VMI, by its node's agent: the runner's epoch in which a watchdog holds its guest."""
LABEL: Final = "podvirt.io/node-lease"
TERM, WITNESSES, FENCED = "podvirt.io/term", "podvirt.io/witnesses", "podvirt.io/fenced-term"
DEFAULT_SECONDS: Final = 30
SHORTEST_SECONDS, LONGEST_SECONDS = 10, 600
MOST_WITNESSES: Final = 7


def reach_needed(witnesses: int) -> int:
    """How many of its witnesses a node must reach that does not reach the API."""
    return (witnesses + 1) // 2


def lost_needed(witnesses: int) -> int:
    """How many of its witnesses must call a node lost: a majority. One that has no witness is never lost."""
    return witnesses // 2 + 1


def witnesses_of(node: str, nodes: frozenset[str]) -> tuple[str, ...]:
    """The other agents that watch over a node: those that follow it in the order of names, at most MOST_WITNESSES."""
    others = sorted(nodes - {node})
    after = [name for name in others if name > node]
    before = [name for name in others if name < node]
    return tuple(sorted((after + before)[:MOST_WITNESSES]))


class NodeLease(Struct, frozen=True, kw_only=True):
    """A node's lease as the API holds it. Each renewal has the next term."""

    node: str
    term: int
    seconds: int
    witnesses: tuple[str, ...] = ()
    fenced: bool = False
    """This term has been declared over: the node's guarded guests may be started elsewhere."""
    version: str = ""
    """The object's resourceVersion, "" where there is none yet."""


def lease_name(node: str) -> str:
    """Of the Lease object, in the namespace where podvirt is installed."""
    name = f"node-{node}"
    return name if len(name) <= 253 else f"{name[:240]}-{hashlib.sha256(node.encode()).hexdigest()[:12]}"


def read_lease(raw: Json) -> NodeLease | None:
    """None for an object that is no node's lease, or that says nothing that can be understood."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    said = metadata.get("annotations") or {}
    node, term, seconds = spec.get("holderIdentity"), said.get(TERM, ""), spec.get("leaseDurationSeconds")
    if not node or lease_name(node) != metadata["name"] or not term.isdecimal() or not isinstance(seconds, int):
        return None
    witnesses = tuple(name for name in said.get(WITNESSES, "").split(",") if name)
    return NodeLease(
        node=node, term=int(term), seconds=seconds, witnesses=witnesses, fenced=said.get(FENCED) == term,
        version=metadata.get("resourceVersion") or "",
    )  # fmt: skip


def render_lease(lease: NodeLease, namespace: str, now: str) -> Json:
    """The Lease object; `now` is for people (RFC 3339, microseconds): nobody decides by it."""
    said = {TERM: str(lease.term), WITNESSES: ",".join(lease.witnesses)}
    if lease.fenced:
        said[FENCED] = str(lease.term)
    metadata: Json = {
        "name": lease_name(lease.node), "namespace": namespace, "labels": {LABEL: ""}, "annotations": said,
    }  # fmt: skip
    if lease.version:
        metadata["resourceVersion"] = lease.version
    spec = {"holderIdentity": lease.node, "leaseDurationSeconds": lease.seconds, "renewTime": now}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def is_wanted(vmi: Json, everywhere: bool) -> bool:
    """Whether a guest is to be guarded: its own word counts before the cluster's."""
    said = (vmi["metadata"].get("annotations") or {}).get(WANTED)
    return everywhere if said not in ("true", "false") else bool(said == "true")


def is_guarded(vmi: Json) -> bool:
    """Whether a watchdog holds the guest of the present runner. What was true of an earlier one says nothing."""
    said = (vmi["metadata"].get("annotations") or {}).get(GUARDED)
    return bool(said == str(runner_of(vmi).epoch))
