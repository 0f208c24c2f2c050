"""What a decision about one VMI of this node is made of: what is observed, and the actions it may ask for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from virt_handler.plan.domain import Domain
from virt_handler.plan.migration_role import Role

Json = dict[str, Any]


class Launcher(StrEnum):
    """What is known of the process in the pod. Silence is never taken for death."""

    UNSEEN = "unseen"
    READY = "ready"  # its socket is there, we are not connected
    CONNECTED = "connected"
    DEAD = "dead"  # nobody listens on its socket, or the kubelet says that the container ended


class Network(StrEnum):
    NONE = "none"
    READY = "ready"
    BROKEN = "broken"  # cannot be wired as the VMI says, now or later


class Relay(Struct, frozen=True, kw_only=True):
    """One end of a migration's way, open on this node."""

    migration_uid: str
    address: str = ""
    """Of the target's end: where it listens, with `port`."""
    port: int = 0
    problem: str = ""
    """Why the last connection that was tried through it did not come about; "" where none failed."""


class Guard(Struct, frozen=True):
    """Whether the guest must end when this node is cut off, and whether one may start now: see `plan.node_lease`."""

    wanted: bool = False
    holds: bool = False


class Observed(Struct, frozen=True, kw_only=True):
    """All that a decision needs. Times in seconds of a monotonic clock, but `wall` (RFC 3339)."""

    vmi: Json | None
    proven_gone: bool = False
    """The API said that no VMI of this UID exists."""
    pod: Json | None
    launcher: Launcher
    dead_since: float | None = None
    """When the launcher was first seen dead."""
    unanswered_since: float | None = None
    """The first of the questions that the launcher has not answered; None since it last did."""
    domain: Domain | None = None
    """The last report; None until the first."""
    network: Network = Network.NONE
    problem: str = ""
    """Why the network or the domain could not be made; shown in the VMI."""
    retry_at: float = 0.0
    """Not before this is a failed step tried again."""
    signalled_at: float | None = None
    """The last ACPI signal."""
    stopping_since: float | None = None
    """The first ACPI signal, or the first try of one."""
    resume_at: float = 0.0
    """Not before this is a guest resumed that an I/O error has paused."""
    killed: bool = False
    dismissed: bool = False
    addresses: dict[str, tuple[str, ...]] = {}
    role: Role = Role.RUNNER
    """What this node is to a VMI that moves."""
    guard: Guard = Guard()
    node: str = ""
    """The name of this node."""
    relay: Relay | None = None
    """The way between this node and the other one, as far as it is open."""
    now: float
    wall: str

    @property
    def must_stop(self) -> bool:
        """The guest is to end: the VMI or its pod is being deleted, or the pod stops."""
        deleted = any("deletionTimestamp" in (each or {}).get("metadata", {}) for each in (self.vmi, self.pod))
        return deleted or (self.domain is not None and self.domain.marked_for_graceful_shutdown)


class Ask(Struct, frozen=True, tag=True):
    """Read the VMI from the API."""


class Connect(Struct, frozen=True, tag=True):
    """Open the launcher's socket, introduce ourselves, follow its reports."""


class SetUpNetwork(Struct, frozen=True, tag=True):
    pass


class Sync(Struct, frozen=True, tag=True):
    """Have the domain made."""


class Wind(Struct, frozen=True, tag=True):
    """Have the launcher's watchdog wound up, for as long as this node's lease lasts."""


class Resume(Struct, frozen=True, tag=True):
    """Let a guest run that an I/O error has stopped: the storage may be back."""


class Signal(Struct, frozen=True, tag=True):
    """Press the guest's power button."""


class Kill(Struct, frozen=True, tag=True):
    pass


class Dismiss(Struct, frozen=True, tag=True):
    """Tell the launcher that its end has been recorded."""


class Forget(Struct, frozen=True, tag=True):
    """Remove every trace: connection, DHCP, records."""


class WriteStatus(Struct, frozen=True, tag=True):
    status: Json
    labels: Mapping[str, str | None] = {}
    """Labels to set, or with None to remove, in the same write."""
    annotations: Mapping[str, str | None] = {}
    """The same of annotations."""


class OpenRelay(Struct, frozen=True, tag=True):
    """Open this node's end of the way that a migration takes; the role says which end."""


class Announce(Struct, frozen=True, tag=True):
    """Say in the VMI that the launcher of a migration's target answers, unless it was handed over meanwhile."""

    migration_uid: str


class Receive(Struct, frozen=True, tag=True):
    """Have the launcher of the target made ready for the guest."""

    migration_uid: str


class Migrate(Struct, frozen=True, tag=True):
    """Tell the source's launcher to move its guest."""


class AbortMigration(Struct, frozen=True, tag=True):
    """Tell the source's launcher to keep its guest."""


class CompleteMigration(Struct, frozen=True, tag=True):
    """Tell the source's launcher to let its guest stand still until it has moved."""


class HandOver(Struct, frozen=True, tag=True):
    """The guest has ended here: name the migration's target as its runner, by compare-and-swap of the whole VMI.

    The same write carries `status` and `annotations`: what the target must know before the guest runs there.
    """

    status: Json
    annotations: Mapping[str, str] = {}


class TakeOver(Struct, frozen=True, tag=True):
    """Let the guest that has arrived run here, unless its user had paused it."""

    paused: bool
    unfreeze_after: float = 0.0
    """Seconds that are left of a time for which its file systems were frozen; 0: they were not."""


class CloseRelay(Struct, frozen=True, tag=True):
    """The migration is over on this node."""


class Tell(Struct, frozen=True, tag=True):
    """An Event on the VMI."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


class CountPanic(Struct, frozen=True, tag=True):
    """The guest's kernel has panicked: one more, of this type and with this code."""

    kind: str
    code: str


Action = (
    Ask | Connect | SetUpNetwork | Sync | Wind | Resume | Signal | Kill | Dismiss | Forget | WriteStatus | Tell
    | OpenRelay | Announce | Receive | Migrate | AbortMigration | CompleteMigration | HandOver | TakeOver
    | CloseRelay | CountPanic
)  # fmt: skip


class Plan(Struct, frozen=True):
    actions: tuple[Action, ...] = ()
    again_in: float | None = None


NOTHING = Plan()
