"""`<watchdog>`: acts on the guest when the guest no longer feeds it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan import alias
from virt_launcher.plan.given import Given
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import element

PCI_KEY = "watchdog"
ACTIONS = ("reset", "poweroff", "shutdown")


def pci_wishes(given: Given) -> list[Wish]:
    """An i6300esb sits on plain PCI."""
    return [Wish(key=PCI_KEY, conventional=True)] if given.guest.spec.domain.devices.watchdog else []


def watchdog(given: Given, addresses: dict[str, dict[str, str]]) -> Element | None:
    """The watchdog of the spec, if any. Raises CannotBuild for another model than i6300esb."""
    wanted = given.guest.spec.domain.devices.watchdog
    if wanted is None:
        return None
    if wanted.i6300esb is None:
        raise CannotBuild(f"watchdog {wanted.name}: only i6300esb exists on this architecture")
    action = wanted.i6300esb.action or "reset"
    if action not in ACTIONS:
        raise CannotBuild(f"watchdog {wanted.name}: action {action} is not one of {', '.join(ACTIONS)}")
    place = addresses.get(PCI_KEY)
    return element(
        "watchdog",
        alias.of_other(given.guest, wanted.name),
        element("address", **place) if place else None,
        model="i6300esb",
        action=action,
    )
