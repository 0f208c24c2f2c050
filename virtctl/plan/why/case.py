"""What `why` looks at, and what it finds: the objects of one VM as they were read, and a cause among them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from virt_model import conditions
from virt_model.conditions import Wire
from virt_model.seen import Pod, Seen, Vm, Vmi, seconds

Json = dict[str, Any]


class Link(StrEnum):
    """The chain from what a user made to what runs."""

    VM = "VM"
    VMI = "VMI"
    POD = "Pod"
    NODE = "Node"
    DOMAIN = "Domain"


class Told(msgspec.Struct, frozen=True):
    """A Kubernetes Event."""

    raw: Json

    @property
    def about(self) -> tuple[str, str]:
        """Kind and name of the object."""
        involved = self.raw.get("involvedObject") or {}
        return str(involved.get("kind") or ""), str(involved.get("name") or "")

    @property
    def uid(self) -> str:
        return str((self.raw.get("involvedObject") or {}).get("uid") or "")

    @property
    def reason(self) -> str:
        return str(self.raw.get("reason") or "")

    @property
    def message(self) -> str:
        return str(self.raw.get("message") or "")

    @property
    def warning(self) -> bool:
        return self.raw.get("type") == "Warning"

    @property
    def at(self) -> float:
        """When it was last said, in seconds since 1970; 0 where nobody knows."""
        stamps = (self.raw.get("lastTimestamp"), self.raw.get("eventTime"), self.raw.get("firstTimestamp"))
        return next((moment for moment in map(seconds, stamps) if moment is not None), 0.0)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read. What could not be read (the user lacks the right) is None, and named in `unread`."""

    asked_for: Link  # VM or VMI
    name: str
    namespace: str
    vm: Vm | None = None
    vmi: Vmi | None = None
    pod: Pod | None = None  # the launcher pod
    node: Seen | None = None  # the one that the pod or the VMI is on
    nodes: tuple[Seen, ...] | None = None
    neighbours: tuple[Pod, ...] | None = None  # all pods of all nodes that have not ended
    claims: Mapping[str, Seen | None] = {}  # by name; None: there is no such claim
    events: tuple[Told, ...] = ()  # oldest first
    unread: tuple[str, ...] = ()
    now: float  # seconds since 1970

    def condition(self, type_: str) -> Wire | None:
        """The VMI's condition, the VM's where there is no VMI."""
        owner: Seen | None = self.vmi or self.vm
        return conditions.find(owner.conditions, type_) if owner is not None else None

    def is_false(self, type_: str, *reasons: str) -> Wire | None:
        """The condition, if it is False for one of the reasons (any, where none is named)."""
        found = self.condition(type_)
        if found is None or found.get("status") != conditions.FALSE:
            return None
        return found if not reasons or found.get("reason") in reasons else None

    def told(self, kind: str, *reasons: str, name: str = "") -> Told | None:
        """The last event with one of those reasons about the object of that kind."""
        found = [
            each
            for each in self.events
            if each.about[0] == kind and each.reason in reasons and (not name or each.about[1] == name)
        ]
        return found[-1] if found else None

    @property
    def command(self) -> str:
        """kubectl, for this namespace."""
        return f"kubectl -n {self.namespace}"

    @property
    def object(self) -> str:
        """The object to change, as kubectl is told it."""
        return f"vm {self.name}" if self.vm is not None else f"vmi {self.name}"

    @property
    def spec_path(self) -> str:
        """Where in that object the guest is described."""
        return "spec.template.spec" if self.vm is not None else "spec"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why the object is not where it should be."""

    at: Link
    waits: str  # completes the sentence: `VM demo/a …`
    says: str = ""  # the words of who knows
    said_by: str = ""
    details: tuple[str, ...] = ()
    do: tuple[str, ...] = ()


def said_by(condition: Wire, of: str) -> str:
    reason = f", reason {condition['reason']}" if condition.get("reason") else ""
    return f"condition {condition.get('type')} of the {of}{reason}"


def message_of(condition: Wire) -> str:
    return str(condition.get("message") or condition.get("reason") or "")


def lasted(span: float) -> str:
    """Seconds as people say them: 45s, 2m10s, 3h5m, 4d2h."""
    whole = max(0, int(span))
    steps = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    parts = []
    for size, letter in steps:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{letter}")
        elif parts:
            break
    return "".join(parts[:2]) or "0s"
