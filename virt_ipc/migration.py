"""Messages of a guest that moves to another node."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from virt_ipc.agent import Seconds
from virt_ipc.base import Count, Message, Name, Text

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class MigrationStage(enum.StrEnum):
    """How far a migration has come, as this launcher sees it. The first five are a target's, the others a source's;
    `SWITCHED` is both's."""

    WAITING = "waiting"
    """Files and the receiving libvirtd are ready."""
    ARRIVING = "arriving"
    """The domain is there and fills."""
    FETCHING = "fetching"
    """It was let run here before all of its memory has come."""
    RECEIVED = "received"
    """The whole guest is here, paused unless it was let run before, and waits for `take_over`."""
    TAKEN = "taken"
    """The guest is this launcher's, as if it had been started here."""
    SENDING = "sending"
    SWITCHED = "switched"
    """Post-copy: at the source the guest can never run again, only its memory is needed; at the target it stands and
    could run, fetching what it lacks."""
    SENT = "sent"
    """The guest has left: the domain here has ended, with the reason `migrated`."""
    FAILED = "failed"
    """At a source the guest goes on; one that had been switched is lost. At a target nothing is left of it."""


class MigrationReport(Message, frozen=True, kw_only=True):
    """The migration that this launcher takes or took part in."""

    stage: MigrationStage
    migration_uid: Name
    """UID of the VirtualMachineInstanceMigration; empty at a target that was not told."""
    error: Text = ""
    """Why it failed; for what libvirt said, in the form `virError(Code=…, Domain=…, Message='…')`."""
    aborted: bool = False
    """It failed because `abort_migration` was called."""
    data_total: Count = 0
    """Bytes of memory and disks, as far as QEMU knows by now."""
    data_processed: Count = 0
    data_remaining: Count = 0
    dirty_rate: Count = 0
    """Bytes of memory a second that the guest changes."""
    transfer_rate: Count = 0
    """Bytes of memory and disks that are sent a second."""
    expected_downtime_ms: Count = 0
    """How long the guest would stand still if it switched now, as QEMU expects."""
    standing: bool = False
    """The guest was made to stand still, so that the rest can be sent."""
    post_copy: bool = False
    """At a source: the guest was switched before all of its memory had been sent."""


class MigrateRequest(Message, frozen=True, kw_only=True):
    """Send the guest away. Ports are on the pod's `migration_way.LOOPBACK`, where the handler's relay listens."""

    migration_uid: Name
    libvirt_port: Port
    memory_port: Port = 49152
    disks_port: Port = 49153
    block: bool = False
    """Copy the disks that are files of this pod, too."""
    bandwidth: Count = 0
    """Bytes a second; 0 is unlimited."""
    max_downtime_ms: Annotated[int, msgspec.Meta(ge=1)] = 900
    unsafe: bool = False
    """Move it although libvirt finds that its disks may suffer."""
    auto_converge: bool = False
    """Slow the guest down when it changes memory faster than it is sent."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    """For memory; more than one is QEMU's multifd."""
    completion_timeout: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds for the whole; 0 is for ever."""
    progress_timeout: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """Seconds without the remaining data becoming less; 0 is for ever."""
    allow_workload_disruption: bool = False
    """When `completion_timeout` is over, make the guest stand still and wait as long again, instead of giving up."""
    allow_post_copy: bool = False
    """Where the guest would be made to stand still, switch it instead: it runs at the target while the rest comes."""


class TakeOverRequest(Message, frozen=True, kw_only=True):
    """The guest that was received is this launcher's now."""

    paused: bool = False
    """It stays paused, because its user had paused it."""
    unfreeze_after: Seconds = 0.0
    """Its file systems were frozen for a time, of which so much is left; 0: they were not."""
