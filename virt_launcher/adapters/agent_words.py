"""From a guest agent's JSON to messages. The agent belongs to the guest: anything may come, none of it may be too much.

What does not have the form of the agent's protocol (QEMU, `qga/qapi-schema.json`) is left out, not complained about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from virt_ipc.agent import (
    MAX_ADDRESSES,
    MAX_COMMANDS,
    MAX_DISKS,
    MAX_FILE_SYSTEMS,
    MAX_NICS,
    MAX_USERS,
    AgentCommand,
    GuestDisk,
    GuestFileSystem,
    GuestNic,
    GuestOs,
    GuestUser,
)

LONGEST = 253
LONGEST_COMMAND = 64
LOOPBACK = "lo"


def version_of(info: Any) -> str:
    """Of the answer to `guest-info`."""
    return _text(info, "version")


def commands_of(info: Any) -> list[AgentCommand]:
    """Of the answer to `guest-info`, in its order."""
    found = _rows(_field(info, "supported_commands"), MAX_COMMANDS)
    return [
        AgentCommand(name=_text(each, "name")[:LONGEST_COMMAND], enabled=_field(each, "enabled") is True)
        for each in found
    ]


def os_of(said: Any) -> GuestOs:
    """The answer to `guest-get-osinfo`."""
    words = {key: _text(said, key.replace("_", "-")) for key in GuestOs.__struct_fields__}
    return GuestOs(**words)


def nics_of(said: Any) -> list[GuestNic]:
    """The answer to `guest-network-get-interfaces`, without the loopback."""
    return [
        GuestNic(name=name, mac=_text(each, "hardware-address"), addresses=_addresses(each))
        for each in _rows(said, MAX_NICS + 1)
        if (name := _text(each, "name")) and name != LOOPBACK
    ][:MAX_NICS]


def _addresses(nic: Any) -> list[str]:
    found = (_text(each, "ip-address") for each in _rows(_field(nic, "ip-addresses"), MAX_ADDRESSES))
    return [address for address in found if address]


def hostname_of(said: Any) -> str:
    """The answer to `guest-get-host-name`."""
    return _text(said, "host-name")


def timezone_of(said: Any) -> str:
    """The answer to `guest-get-timezone`, as `UTC, 0`; empty where there is none."""
    offset = _field(said, "offset")
    return f"{_text(said, 'zone')[:64]}, {offset}" if isinstance(offset, int) and abs(offset) <= 86400 else ""


def users_of(said: Any) -> list[GuestUser]:
    """The answer to `guest-get-users`."""
    return [
        GuestUser(name=name, domain=_text(each, "domain"), login_time=_number(each, "login-time"))
        for each in _rows(said, MAX_USERS)
        if (name := _text(each, "user"))
    ]


def file_systems_of(said: Any) -> list[GuestFileSystem]:
    """The answer to `guest-get-fsinfo`."""
    return [
        GuestFileSystem(
            disk_name=_text(each, "name"),
            mount_point=_text(each, "mountpoint"),
            type=_text(each, "type"),
            used=int(_number(each, "used-bytes")),
            total=int(_number(each, "total-bytes")),
            disks=[
                GuestDisk(bus=_text(disk, "bus-type"), serial=_text(disk, "serial"))
                for disk in _rows(_field(each, "disk"), MAX_DISKS)
            ],
        )
        for each in _rows(said, MAX_FILE_SYSTEMS)
    ]


def load_of(said: Any) -> list[float]:
    """The answer to `guest-get-load`; empty where it is not whole."""
    found = [_field(said, key) for key in ("load1m", "load5m", "load15m")]
    return [float(each) for each in found] if all(_is_load(each) for each in found) else []


def _is_load(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**32


def is_frozen(said: Any) -> bool:
    """The answer to `guest-fsfreeze-status`."""
    return bool(said == "frozen")


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: Any, name: str) -> str:
    """What can be shown of it: control characters are not."""
    found = _field(value, name)
    return "".join(each for each in found[:LONGEST] if each.isprintable()) if isinstance(found, str) else ""


def _number(value: Any, name: str) -> float:
    found = _field(value, name)
    known = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < 2**63
    return found if known else 0.0


def _rows(value: Any, most: int) -> Iterator[Any]:
    return iter(value[:most] if isinstance(value, list) else ())
