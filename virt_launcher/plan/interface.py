"""`<interface>`: a NIC of the guest on a tap that virt-handler prepared."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.network import Interface
from virt_launcher.plan import alias
from virt_launcher.plan.given import Given, Nic
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import boot_order, element

VIRTIO = "virtio"
CONVENTIONAL = ("e1000", "rtl8139", "ne2k_pci", "pcnet")
"""Models on plain PCI."""


def key(interface: Interface) -> str:
    """How the interface is called in a PCI layout."""
    return f"interface {interface.name}"


def pci_wishes(given: Given) -> list[Wish]:
    """Every NIC needs a place."""
    return [
        Wish(key=key(nic), at=nic.pci_address, conventional=nic.model in CONVENTIONAL)
        for nic in given.guest.spec.domain.devices.interfaces
    ]


def interfaces(given: Given, addresses: dict[str, dict[str, str]]) -> list[Element]:
    """Every NIC of the spec, in its order. Raises CannotBuild when one was not prepared."""
    prepared = {nic.name: nic for nic in given.nics}
    return [_interface(given, nic, prepared, addresses) for nic in given.guest.spec.domain.devices.interfaces]


def _interface(
    given: Given, wanted: Interface, prepared: dict[str, Nic], addresses: dict[str, dict[str, str]]
) -> Element:
    nic = prepared.get(wanted.name)
    if nic is None:
        raise CannotBuild(f"interface {wanted.name} was not connected to the pod: its binding is not supported")
    place = addresses.get(key(wanted))
    virtio = wanted.model in ("", VIRTIO)
    return element(
        "interface",
        element("mac", address=nic.mac),
        element("target", dev=nic.tap, managed="no"),
        element("model", type_=given.guest.virtio_model if virtio else wanted.model),
        element("driver", queues=nic.queues) if virtio and nic.queues > 1 else None,
        element("mtu", size=nic.mtu),
        element("link", state="down") if wanted.state == "down" else None,
        element("acpi", index=wanted.acpi_index) if wanted.acpi_index else None,
        boot_order(wanted.boot_order),
        element("rom", enabled="no") if wanted.boot_order is None else None,
        alias.of_nic(given.guest, wanted.name),
        element("address", **place) if place else None,
        type_="ethernet",
    )
