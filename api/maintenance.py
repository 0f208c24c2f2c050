"""Maintenance: a node that its guests shall leave, with a deadline and a report. Ours: KubeVirt has no such kind."""

from __future__ import annotations

from typing import Annotated

from api.marks import ATOMIC_LIST, NULLABLE, Mark, Time, crd_enum, default
from api.meta import ObjectMeta
from api.view import View

DURATION = Mark(crd={"pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$", "minLength": 2, "maxLength": 20})
REQUIRED_NAME = Mark(crd={"minLength": 1, "maxLength": 253})


class MaintenanceSpec(View, frozen=True, kw_only=True):
    """Which node, how long it may take, and what becomes of guests that cannot move."""

    node_name: Annotated[str, REQUIRED_NAME]
    """The node that its guests shall leave."""
    deadline: Annotated[str | None, DURATION] = None
    """How long it may take from the object's creation, for example 1h30m; absent means for ever."""
    others: Annotated[str | None, crd_enum("Keep", "Stop"), default("Keep")] = None
    """What is done with guests that their eviction strategy does not move: Keep lets them run, Stop ends them."""


class MaintenanceGuest(View, frozen=True, kw_only=True):
    """A guest that was on the node at some time since the maintenance began."""

    namespace: str
    """Namespace of the instance."""
    name: str
    """Name of the instance."""
    uid: str
    """UID of the instance."""
    plan: str = ""
    """Migrate, Stop or Keep."""
    state: str = ""
    """Waiting, Moving, Moved, Stopping, Ended or Kept."""
    node_name: str = ""
    """Where it is now, once it has moved."""
    reason: str = ""
    """Why it is kept, or why it is still there."""


class MaintenanceStatus(View, frozen=True, kw_only=True):
    """How far it has come, and what became of each guest."""

    phase: str = ""
    """Draining, Drained or Expired: the deadline is over and guests are left."""
    message: str = ""
    """What is waited for, in one line."""
    progress: str = ""
    """Guests that have left, of all, for example 3/5."""
    start_timestamp: Time | None = None
    """When it was begun."""
    deadline_timestamp: Time | None = None
    """When it expires."""
    end_timestamp: Time | None = None
    """When the last guest had left."""
    guests: Annotated[tuple[MaintenanceGuest, ...], ATOMIC_LIST] = ()
    """Every guest that was on the node since then, by namespace and name."""


class Maintenance(View, frozen=True, kw_only=True):
    """Has the guests of a node leave it, and keeps new ones away, as long as the object exists."""

    api_version: str = ""
    """Group and version of the maintenance."""
    kind: str = ""
    """Maintenance."""
    metadata: ObjectMeta = ObjectMeta()
    """Identity of the maintenance."""
    spec: MaintenanceSpec
    """What shall be done."""
    status: Annotated[MaintenanceStatus, NULLABLE] = MaintenanceStatus()
    """How far it has come."""
