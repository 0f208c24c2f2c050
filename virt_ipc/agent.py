"""What a guest agent says, and what is asked of it. It is the guest's own word: bounded here, trusted nowhere."""

from __future__ import annotations

from typing import Annotated

import msgspec

from virt_ipc.base import Count, Message, Name, Text

CommandName = Annotated[str, msgspec.Meta(max_length=64)]
Argument = Annotated[str, msgspec.Meta(max_length=65536)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86400)]
MAX_COMMANDS, MAX_NICS, MAX_ADDRESSES, MAX_USERS, MAX_FILE_SYSTEMS, MAX_DISKS = 256, 32, 32, 256, 256, 32


class GuestOs(Message, frozen=True, kw_only=True):
    """What the guest runs, by its os-release and its kernel."""

    id: Name = ""
    name: Name = ""
    pretty_name: Name = ""
    version: Name = ""
    version_id: Name = ""
    kernel_release: Name = ""
    kernel_version: Name = ""
    machine: Name = ""


class GuestNic(Message, frozen=True, kw_only=True):
    """A network card as the guest sees it."""

    name: Name
    mac: Name = ""
    addresses: Annotated[list[Name], msgspec.Meta(max_length=MAX_ADDRESSES)] = []
    """IPv4 and IPv6, without prefix lengths."""


class AgentReport(Message, frozen=True, kw_only=True):
    """What is asked of the agent unasked, because a VMI's status shows it."""

    version: Name = ""
    commands: Annotated[list[CommandName], msgspec.Meta(max_length=MAX_COMMANDS)] = []
    """Those that are enabled."""
    os: GuestOs = GuestOs()
    nics: Annotated[list[GuestNic], msgspec.Meta(max_length=MAX_NICS)] = []
    frozen: bool = False
    """Its file systems take no writes."""
    unfreeze_at: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    """When they are unfrozen by themselves, in seconds since 1970; 0: never."""


class AccessReport(Message, frozen=True, kw_only=True):
    """Whether the guest has the keys and passwords that the agent is to set."""

    synchronized: bool
    message: Text = ""
    """Why not."""


class AgentCommand(Message, frozen=True, kw_only=True):
    """A command that the agent knows."""

    name: CommandName
    enabled: bool = True


class GuestUser(Message, frozen=True, kw_only=True):
    """Somebody who is logged in."""

    name: Name
    domain: Name = ""
    login_time: float = 0.0
    """Seconds since 1970."""


class GuestDisk(Message, frozen=True, kw_only=True):
    """A disk below a file system."""

    bus: Name = ""
    serial: Name = ""


class GuestFileSystem(Message, frozen=True, kw_only=True):
    """A mounted file system; sizes in bytes."""

    disk_name: Name
    mount_point: Name = ""
    type: Name = ""
    used: Count = 0
    total: Count = 0
    disks: Annotated[list[GuestDisk], msgspec.Meta(max_length=MAX_DISKS)] = []


class GuestInfo(Message, frozen=True, kw_only=True):
    """All that an agent answers at one moment. What it did not answer is empty."""

    version: Name = ""
    commands: Annotated[list[AgentCommand], msgspec.Meta(max_length=MAX_COMMANDS)] = []
    hostname: Name = ""
    os: GuestOs = GuestOs()
    timezone: Name = ""
    """Name and offset from UTC in seconds: `UTC, 0`."""
    users: Annotated[list[GuestUser], msgspec.Meta(max_length=MAX_USERS)] = []
    file_systems: Annotated[list[GuestFileSystem], msgspec.Meta(max_length=MAX_FILE_SYSTEMS)] = []
    frozen: bool = False


class GuestUsage(Message, frozen=True, kw_only=True):
    """What the agent said last of what its guest uses; empty before somebody wanted to know, and where it cannot."""

    file_systems: Annotated[list[GuestFileSystem], msgspec.Meta(max_length=MAX_FILE_SYSTEMS)] = []
    load: Annotated[list[float], msgspec.Meta(max_length=3)] = []
    """The average number of processes that run or want to, over 1, 5 and 15 minutes."""


class FreezeRequest(Message, frozen=True, kw_only=True):
    """Let the guest's file systems take no writes, until an unfreeze or for so long."""

    unfreeze_after: Seconds = 0.0
    """0: until somebody unfreezes them."""


class ExecRequest(Message, frozen=True, kw_only=True):
    """Run a program in the guest and wait for its end."""

    command: Argument
    arguments: Annotated[list[Argument], msgspec.Meta(max_length=256)] = []
    timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 1.0
    """Seconds for all of it."""


class ExecReply(Message, frozen=True, kw_only=True):
    """How the program ended."""

    exit_code: int
    """128 and the signal's number for a program that a signal ended."""
    output: Annotated[str, msgspec.Meta(max_length=65536)] = ""
    """The beginning of what it wrote, or why it was not run."""


class PingRequest(Message, frozen=True, kw_only=True):
    """Does the agent answer?"""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 1.0
