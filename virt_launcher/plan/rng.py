"""`<rng>`: entropy of the host for the guest, when asked for."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element

PCI_KEY = "rng"


def wanted(given: Given) -> bool:
    """The VMI asks for a random source."""
    return given.guest.spec.domain.devices.rng is not None


def rng(given: Given, addresses: dict[str, dict[str, str]]) -> Element | None:
    """The device, on the host's /dev/urandom."""
    if not wanted(given):
        return None
    place = addresses.get(PCI_KEY)
    return element(
        "rng",
        element("backend", "/dev/urandom", model="random"),
        element("address", **place) if place else None,
        model=given.guest.virtio_model,
    )
