"""`<alias>`: ties a device to its name in the VMI.

libvirt wants each alias once in a guest and made of letters, digits, dashes and underscores, while a VMI may call a
disk, a NIC and a tablet the same. Disks have their own name, in which no underscore can be; a NIC that is called like
one has an underscore in front. The alias of any other device is read by nobody, so where it is taken there is none.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from virt_launcher.plan.guest import Guest
from virt_launcher.plan.tree import element

_PREFIX = "ua-"
_MARK = "_"
_FORM = re.compile("[A-Za-z0-9_-]+", re.ASCII)


def of_disk(name: str) -> Element:
    return _alias(name)


def of_nic(guest: Guest, name: str) -> Element:
    return _alias(_nic(guest, name))


def of_other(guest: Guest, name: str) -> Element | None:
    """Of a tablet or the watchdog."""
    devices = guest.spec.domain.devices
    taken = [disk.name for disk in devices.disks] + [_nic(guest, nic.name) for nic in devices.interfaces]
    taken += [tablet.name for tablet in devices.inputs] + ([devices.watchdog.name] if devices.watchdog else [])
    return _alias(name) if taken.count(name) == 1 and _FORM.fullmatch(name) else None


def disk_name(alias: str) -> str:
    """The VMI's name of a disk; "" for one that it did not name."""
    return alias.removeprefix(_PREFIX) if alias.startswith(_PREFIX) else ""


def nic_name(alias: str) -> str:
    """The VMI's name of a NIC; "" for one that it did not name."""
    return disk_name(alias).removeprefix(_MARK)


def _nic(guest: Guest, name: str) -> str:
    taken = any(disk.name == name for disk in guest.spec.domain.devices.disks)
    return f"{_MARK}{name}" if taken or name.startswith(_MARK) else name


def _alias(name: str) -> Element:
    return element("alias", name=f"{_PREFIX}{name}")
