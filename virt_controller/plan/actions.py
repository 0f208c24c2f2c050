"""What a plan may ask for: one effect at a time, each with the precondition under which it is safe.

```
 world ──plan──► Plan ── ask: look at the API first, then plan again
                     ├── action: do it; its answer enters the world, then plan again
                     ├── refused: an earlier action was refused and said so; back off
                     └── nothing: settled (again_in: until a time passes)
```
Because a plan holds one action, a crash between two writes is a crash between two plans, and each plan starts from
what is there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec

Json = dict[str, Any]


class Kind(StrEnum):
    VM = "VirtualMachine"
    VMI = "VirtualMachineInstance"
    POD = "Pod"
    NODE = "Node"
    REVISION = "ControllerRevision"
    REPLICASET = "VirtualMachineInstanceReplicaSet"
    MIGRATION = "VirtualMachineInstanceMigration"
    MAINTENANCE = "Maintenance"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A Kubernetes Event about `about`, emitted once the action it comes with has succeeded."""

    about: Json
    type: Literal["Normal", "Warning"] = "Normal"
    reason: str
    message: str


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """The name is derived, so that creating twice is refused by the API."""

    kind: Kind
    body: Json
    why: str
    events: tuple[Event, ...] = ()


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Patch that carries its own precondition (the resourceVersion, or tests of what it replaces)."""

    kind: Kind
    namespace: str
    name: str
    ops: list[Json]
    why: str
    subresource: str = ""
    events: tuple[Event, ...] = ()


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """A strategic merge patch with the UID in it as precondition: for pods and nodes, which others write too."""

    kind: Kind
    namespace: str
    name: str
    body: Json
    why: str
    subresource: str = ""
    events: tuple[Event, ...] = ()


class Delete(msgspec.Struct, frozen=True, kw_only=True):
    """Deletes that very object, never its successor of the same name."""

    kind: Kind
    namespace: str
    name: str
    uid: str
    why: str
    grace_seconds: int | None = None
    events: tuple[Event, ...] = ()


Action = Create | Patch | Merge | Delete


class Question(StrEnum):
    """What the API must be asked before a plan may go on: a cache proves nothing about what it does not show."""

    LIVE = "live"  # the object and what it owns, as they are now
    REVISION = "revision"  # the VM's spec as it was at start
    MANNER = "manner"  # how a guest is to be moved: policies and labels


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The API said no to an action, for a reason that waiting may or may not mend."""

    action: Action
    reason: str  # Kubernetes' reason: Forbidden, Invalid, AlreadyExists …
    message: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are told when there is nothing to do and that is worth saying; repeats only count up."""

    action: Action | None = None
    ask: Question | None = None
    again_in: float | None = None  # seconds
    refused: bool = False
    events: tuple[Event, ...] = ()


SETTLED = Plan()
