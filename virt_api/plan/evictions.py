"""What is answered to an eviction: a launcher pod goes, stays, or its guest moves first. Pure.

All denials are 429, which `kubectl drain` tries again. Two of the texts are read by programs (the descheduler).
"""

from __future__ import annotations

from typing import Any

import msgspec

from virt_api.plan.causes import Refusal
from virt_api.plan.reading import Raw, table, text
from virt_model import eviction, labels
from virt_model.eviction import Fate
from virt_model.name_forms import subdomain_faults
from virt_model.seen import Pod, Vmi

TOO_MANY_REQUESTS = 429


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """`refusal` is None where the pod may go; `patch` is a JSON Patch of the VMI that must succeed first; `told` says
    that the VMI's owner has something to mend.
    """

    refusal: Refusal | None = None
    patch: tuple[dict[str, Any], ...] = ()
    told: bool = False


def guest_of(pod: Raw) -> str:
    """The name of the VMI that an eviction of the pod is about; "" for a pod that may go like any other."""
    if text(pod, "metadata", "labels", labels.ROLE) != labels.ROLE_LAUNCHER or Pod(pod).finished:
        return ""
    name = text(table(pod, "metadata", "annotations"), labels.DOMAIN)
    return "" if subdomain_faults(name) else name


def decide(pod: Raw, vmi: Raw, cluster_strategy: str) -> Decision:
    """Of a launcher pod and its VMI."""
    guest, at = Vmi(vmi), Pod(pod).node
    fate = eviction.fate(guest, cluster_strategy)
    if fate is Fate.GOES or guest.phase.final:
        return Decision()
    if fate is Fate.STAYS:
        immovable = f"VMI {guest.name} is configured with an eviction strategy but is not live-migratable"
        return Decision(refusal=denied(immovable), told=True)
    triggered = f'Eviction triggered evacuation of VMI "{guest.namespace}/{guest.name}"'
    if eviction.leaving(guest):
        return Decision(refusal=denied(f"Evacuation in progress: {triggered}"))
    if guest.node != at:
        return Decision(refusal=denied("Eviction request for target Pod"))
    return Decision(refusal=denied(triggered), patch=_marked(guest))


def _marked(vmi: Vmi) -> tuple[dict[str, Any], ...]:
    return (
        {"op": "test", "path": "/metadata/uid", "value": vmi.uid},
        {"op": "test", "path": "/status/nodeName", "value": vmi.node},
        {"op": "add", "path": "/status/evacuationNodeName", "value": vmi.node},
    )


def denied(message: str) -> Refusal:
    return Refusal(message=message, code=TOO_MANY_REQUESTS)
