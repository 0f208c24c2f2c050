"""What virt-api may ask of a guest's agent through us, answered in the API's own form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from virt_ipc.agent import GuestFileSystem, GuestInfo, GuestUser

Json = dict[str, Any]


def camel(field: str) -> str:
    """`pretty_name` as `prettyName`."""
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)


def guest_os_info(info: GuestInfo) -> Json:
    """A VirtualMachineInstanceGuestAgentInfo."""
    users = [_user(user) for user in info.users]
    told = {
        "guestAgentVersion": info.version,
        "supportedCommands": [_filled(name=each.name, enabled=each.enabled) for each in info.commands],
        "hostname": info.hostname,
        "os": _filled(**{camel(field): text for field, text in msgspec.structs.asdict(info.os).items()}),
        "timezone": info.timezone,
        "userList": users,
        "fsInfo": {"disks": [_file_system(each) for each in info.file_systems] or None},
        "fsFreezeStatus": "frozen" if info.frozen else "thawed",
    }
    return {key: value for key, value in told.items() if value not in ("", [])}


def user_list(info: GuestInfo) -> Json:
    """A VirtualMachineInstanceGuestOSUserList."""
    return {"metadata": {}, "items": [_user(user) for user in info.users]}


def file_system_list(info: GuestInfo) -> Json:
    """A VirtualMachineInstanceFileSystemList."""
    return {"metadata": {}, "items": [_file_system(each) for each in info.file_systems]}


ANSWERS: dict[str, Callable[[GuestInfo], Json]] = {
    "guestosinfo": guest_os_info,
    "userlist": user_list,
    "filesystemlist": file_system_list,
}
"""By name in the URL."""


def _user(user: GuestUser) -> Json:
    return {"userName": user.name, **_filled(domain=user.domain, loginTime=user.login_time)}


def _file_system(each: GuestFileSystem) -> Json:
    disks = [{**_filled(serial=disk.serial), "busType": disk.bus} for disk in each.disks]
    return {
        "diskName": each.disk_name,
        "mountPoint": each.mount_point,
        "fileSystemType": each.type,
        "usedBytes": each.used,
        "totalBytes": each.total,
        **_filled(disk=disks),
    }


def _filled(**fields: Any) -> Json:
    return {key: value for key, value in fields.items() if value}
