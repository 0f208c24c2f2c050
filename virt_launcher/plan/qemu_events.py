"""`<qemu:commandline>`: a second monitor, by which the launcher hears QEMU itself; see `plan.ending`."""

from __future__ import annotations

from xml.etree.ElementTree import Element, register_namespace

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element
from virt_model import paths

_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
_ID = "launcher-events"
register_namespace("qemu", _QEMU)


def command_line(given: Given) -> Element:
    """libvirt has no element of its own for it, and marks the domain as tainted by `custom-argv`."""
    path = paths.qemu_events(given.guest.metadata.uid)
    return _arguments("-chardev", f"socket,id={_ID},path={path},server=on,wait=off",
                      "-mon", f"chardev={_ID},mode=control")  # fmt: skip


def _arguments(*words: str) -> Element:
    return element(f"{{{_QEMU}}}commandline", *(element(f"{{{_QEMU}}}arg", value=word) for word in words))
