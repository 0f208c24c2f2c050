"""`<memballoon>`: memory statistics, and pages that the guest gives back."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element
from virt_model import labels

PCI_KEY = "balloon"


def wanted(given: Given) -> bool:
    """The guest has a balloon."""
    return given.guest.spec.domain.devices.autoattach_mem_balloon is not False


def balloon(given: Given, addresses: dict[str, dict[str, str]]) -> Element:
    """The balloon, or libvirt's way to say that there is none."""
    if not wanted(given):
        return element("memballoon", model="none")
    reporting = (
        given.free_page_reporting
        and given.guest.metadata.annotations.get(labels.FREE_PAGE_REPORTING_DISABLED) != "true"
    )
    place = addresses.get(PCI_KEY)
    return element(
        "memballoon",
        element("stats", period=given.balloon_stats_period) if given.balloon_stats_period else None,
        element("address", **place) if place else None,
        model=given.guest.virtio_model,
        freePageReporting="on" if reporting else "off",
    )
