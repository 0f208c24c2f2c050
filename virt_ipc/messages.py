"""What virt-handler and virt-launcher say to each other.

Every struct is frozen and keyword-only. Every string, list and byte field has a limit: whatever breaks it does not
decode, on either side. Fields are only ever added, with a default, so that a handler and a launcher of neighbouring
versions understand each other.
"""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

from virt_ipc.agent import AccessReport, AgentReport, GuestUsage
from virt_ipc.base import Message, Name, Text
from virt_ipc.migration import MigrationReport

StatName = Annotated[str, msgspec.Meta(max_length=64)]
"""A name of libvirt's statistics, such as `block.12.fl.times`."""
CacheFiles = dict[Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\.xml$")], bytes]
"""libvirt's own QEMU capability cache: file name in the cache directory to content."""


class Status(enum.StrEnum):
    """The state of the domain, in libvirt's words. `ABSENT`: this launcher has not created one yet."""

    ABSENT = "absent"
    NOSTATE = "nostate"
    RUNNING = "running"
    BLOCKED = "blocked"
    PAUSED = "paused"
    SHUTDOWN = "shutdown"
    SHUTOFF = "shutoff"
    CRASHED = "crashed"
    PMSUSPENDED = "pmsuspended"


class Reason(enum.StrEnum):
    """Why the domain is in that state, as far as a VMI phase depends on it (contract 4.5)."""

    NONE = ""
    UNKNOWN = "unknown"
    BOOTED = "booted"
    UNPAUSED = "unpaused"
    MIGRATED = "migrated"
    USER = "user"
    STARTING = "starting"
    MIGRATION = "migration"
    IO_ERROR = "ioerror"
    POSTCOPY = "postcopy"
    POSTCOPY_FAILED = "postcopyfailed"
    SHUTDOWN = "shutdown"
    DESTROYED = "destroyed"
    CRASHED = "crashed"
    PANICKED = "panicked"
    SAVED = "saved"
    FAILED = "failed"
    FROM_SNAPSHOT = "fromsnapshot"


class HelloRequest(Message, frozen=True, kw_only=True):
    """First words of a handler, also after its own restart."""

    handler_version: Name
    capability_cache: CacheFiles = {}
    """What an earlier launcher of the same image on this node returned; ignored once the domain was created."""


class HelloReply(Message, frozen=True, kw_only=True):
    """Who answers. The names are what the launcher was started with: information, never an identity."""

    version: Name
    name: Name
    namespace: Name
    uid: Name
    capability_cache_used: bool = False
    """The files of the request were put in place before libvirt's first look at QEMU."""


class InterfaceAttachment(Message, frozen=True, kw_only=True):
    """One network of the VMI, as the handler prepared it in the pod."""

    name: Name
    """`spec.domain.devices.interfaces[].name`."""
    tap: Name
    """The tap device, owned by the launcher's uid."""
    mac: Name
    mtu: int = 1500
    queues: int = 1
    """More than one only for a tap made with multi_queue."""


class Smbios(Message, frozen=True, kw_only=True):
    """Cluster-wide SMBIOS system strings (`configuration.smbios`)."""

    manufacturer: Name = "KubeVirt"
    product: Name = "None"
    family: Name = "KubeVirt"
    version: Name = ""
    sku: Name = ""


class SyncOptions(Message, frozen=True, kw_only=True):
    """What the launcher must know beside the VMI."""

    allow_emulation: bool = False
    kvm_usable: bool = False
    """A vCPU was seen to run under /dev/kvm on this node; only then is the domain of type `kvm`."""
    interfaces: Annotated[list[InterfaceAttachment], msgspec.Meta(max_length=64)] = []
    smbios: Smbios = Smbios()
    balloon_stats_period: int = 10
    """Seconds; 0 leaves the statistics out."""
    free_page_reporting: bool = True
    log_serial: bool = True
    """Copy the serial console to `virt-serial0-log` beside its socket."""
    verbosity: int = 2
    """How much the launcher says in its log: from 4 on, also the domain's XML."""


class SyncRequest(Message, frozen=True, kw_only=True):
    """Make the domain be what the VMI says."""

    vmi: bytes
    """The VirtualMachineInstance as JSON."""
    options: SyncOptions


class InterfaceReport(Message, frozen=True, kw_only=True):
    """A NIC of the running domain."""

    name: Name
    mac: Name = ""
    model: Name = ""
    queues: int = 1
    link_up: bool = True


class DiskReport(Message, frozen=True, kw_only=True):
    """A disk of the running domain: which volume is which target."""

    name: Name
    target: Name
    bus: Name = ""


class PanicReport(Message, frozen=True, kw_only=True):
    """A guest has said that its kernel panicked."""

    kind: Name = ""
    """In QEMU's word, `hyper-v`; empty where the device says no more than that it happened."""
    arguments: Annotated[list[Name], msgspec.Meta(max_length=5)] = []
    """Of `hyper-v`, in hexadecimal: the code of the bug check and its four parameters."""


class DomainReport(Message, frozen=True, kw_only=True):
    """The whole known state of the domain at one moment. A later report replaces an earlier one."""

    status: Status = Status.ABSENT
    reason: Reason = Reason.NONE
    machine_type: Name = ""
    """As libvirt expanded it, for example `pc-q35-11.1`."""
    agent_connected: bool = False
    """The guest agent's end of its channel is open."""
    agent: AgentReport | None = None
    """The last that it said of itself and its guest, also when it has gone since."""
    access: AccessReport | None = None
    """Of the latest try to set keys and passwords; None where the VMI has none, or none was tried yet."""
    marked_for_graceful_shutdown: bool = False
    """The pod is being stopped (SIGTERM): the handler must begin the guest's shutdown."""
    held: bool | None = None
    """Whether its user wants it paused, which holds whatever a migration does to it; None: the launcher cannot say."""
    paused_on_volume: Name = ""
    """The volume whose I/O error paused the guest."""
    paused_on_no_space: bool = False
    panic: PanicReport | None = None
    """What the guest said before it ended; None where it did not panic, or could not say so."""
    guest_rebooted: int = 0
    """How often the guest has reset since the domain started."""
    interfaces: Annotated[list[InterfaceReport], msgspec.Meta(max_length=64)] = []
    disks: Annotated[list[DiskReport], msgspec.Meta(max_length=256)] = []
    error: Text = ""
    """Why the last synchronisation failed; empty after one that succeeded."""
    migration: MigrationReport | None = None
    """The latest migration; a source that starts another one reports that one."""
    guarded: bool = False
    """A watchdog ends the guest unless it is wound up again."""


class ReceiveRequest(Message, frozen=True, kw_only=True):
    """Make ready for a guest that comes from another launcher of the same VMI."""

    vmi: bytes
    """The VirtualMachineInstance as JSON."""
    options: SyncOptions
    migration_uid: Name


class WindRequest(Message, frozen=True, kw_only=True):
    """Let the guest run so long, and no longer."""

    until: Annotated[float, msgspec.Meta(ge=0)]
    """Seconds since the machine started (CLOCK_BOOTTIME)."""


class CapabilityCache(Message, frozen=True, kw_only=True):
    """What libvirt learned about QEMU here and was not told in `Hello`; empty when there is nothing new."""

    files: CacheFiles = {}


class DomainStats(Message, frozen=True, kw_only=True):
    """What the domain has used and done so far, under libvirt's own names (`virConnectGetAllDomainStats`)."""

    values: Annotated[dict[StatName, int], msgspec.Meta(max_length=8192)] = {}
    """For example `cpu.time` (ns), `balloon.rss` (KiB), `vcpu.0.state`, `net.0.rx.bytes`, `block.0.rd.reqs`; and
    `vcpu.affinities`, which is ours: how many pairs of a vCPU and a CPU that it may run on there are. While the guest
    leaves also `migration.*`: data_total, data_processed, data_remaining (bytes), memory_dirty_rate and memory_bps
    (bytes a second); and `dirtyrate.megabytes_per_second` (MiB),
    measured after the question before."""
    devices: Annotated[dict[StatName, Name], msgspec.Meta(max_length=512)] = {}
    """Names of `net.N` and `block.N`: the VMI's own, or the tap's or the target's where it has none."""
    usage: GuestUsage = GuestUsage()


class Empty(Message, frozen=True, kw_only=True):
    """No arguments, or nothing to say but that it was done."""
