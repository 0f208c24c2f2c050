"""`<input>`: tablets that the VMI asks for; libvirt adds the PS/2 mouse and keyboard."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.devices import Input
from virt_launcher.plan.given import Given
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import alias, element

TYPES = ("tablet",)
BUSES = ("usb", "virtio")


def bus(wanted: Input) -> str:
    """The bus of an input device. Raises CannotBuild for one that is not known."""
    name = wanted.bus or "usb"
    if name not in BUSES or wanted.type not in TYPES:
        raise CannotBuild(f"input {wanted.name}: only a tablet on usb or virtio is known")
    return name


def key(wanted: Input) -> str:
    """How the device is called in a PCI layout."""
    return f"input {wanted.name}"


def pci_wishes(given: Given) -> list[Wish]:
    """The inputs that sit on the PCI bus themselves."""
    return [Wish(key=key(wanted)) for wanted in given.guest.spec.domain.devices.inputs if bus(wanted) == "virtio"]


def inputs(given: Given, addresses: dict[str, dict[str, str]]) -> list[Element]:
    """Every input of the spec, in its order."""
    return [_input(wanted, addresses.get(key(wanted))) for wanted in given.guest.spec.domain.devices.inputs]


def _input(wanted: Input, place: dict[str, str] | None) -> Element:
    return element(
        "input",
        alias(wanted.name),
        element("address", **place) if place else None,
        type_=wanted.type,
        bus=bus(wanted),
    )
