"""`<controller>`: the buses that disks, consoles and inputs hang on."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan import disk_target, input, redirection
from virt_launcher.plan.given import Given
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.tree import element

USB_MODEL = "qemu-xhci"


def controllers(given: Given, addresses: dict[str, dict[str, str]]) -> list[Element]:
    """USB (or libvirt's way to say none), SCSI, virtio-serial."""
    model = given.guest.virtio_model
    usb = [] if _usb(given) else [element("controller", type_="usb", index=0, model="none")]
    return usb + [
        element(
            "controller",
            element("address", **addresses[wish.key]) if wish.key in addresses else None,
            type_=wish.key,
            index=0,
            model=USB_MODEL if wish.key == "usb" else model,
        )
        for wish in pci_wishes(given)
    ]


def pci_wishes(given: Given) -> list[Wish]:
    """The controllers that sit on the PCI bus, by their libvirt type. virtio-serial carries the agent's channel."""
    present = {"usb": _usb(given), "scsi": _scsi(given), "virtio-serial": True}
    return [Wish(key=kind) for kind, there in present.items() if there]


def _usb(given: Given) -> bool:
    devices = given.guest.spec.domain.devices
    on_usb = [disk_target.bus(disk) for disk in devices.disks] + [input.bus(wanted) for wanted in devices.inputs]
    return "usb" in on_usb or redirection.wanted(given)


def _scsi(given: Given) -> bool:
    """There for disks that will be plugged in, unless the VMI says that none will."""
    devices = given.guest.spec.domain.devices
    return not devices.disable_hotplug or "scsi" in [disk_target.bus(disk) for disk in devices.disks]
