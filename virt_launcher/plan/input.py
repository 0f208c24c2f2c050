"""`<input>`: tablets that the VMI asks for; libvirt adds the PS/2 mouse and keyboard."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.devices import Input
from virt_launcher.plan import alias
from virt_launcher.plan.given import Given
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import element

TYPES = ("tablet",)
BUSES = ("usb", "virtio")


def bus(wanted: Input) -> str:
    """The bus of an input device. Raises CannotBuild for one that is not known."""
    name = wanted.bus or "usb"
    if name not in BUSES or wanted.type not in TYPES:
        raise CannotBuild(f"input {wanted.name}: only a tablet on usb or virtio is known")
    return name


def key(index: int) -> str:
    """How the device is called in a PCI layout: by its place in the spec, since names may repeat."""
    return f"input {index}"


def pci_wishes(given: Given) -> list[Wish]:
    """The inputs that sit on the PCI bus themselves."""
    wanted = given.guest.spec.domain.devices.inputs
    return [Wish(key=key(index)) for index, each in enumerate(wanted) if bus(each) == "virtio"]


def inputs(given: Given, addresses: dict[str, dict[str, str]]) -> list[Element]:
    """Every input of the spec, in its order."""
    wanted = given.guest.spec.domain.devices.inputs
    return [_input(given, each, addresses.get(key(index))) for index, each in enumerate(wanted)]


def _input(given: Given, wanted: Input, place: dict[str, str] | None) -> Element:
    return element(
        "input",
        alias.of_other(given.guest, wanted.name),
        element("address", **place) if place else None,
        type_=wanted.type,
        bus=bus(wanted),
    )
