"""`<redirdev>`: sockets at which USB devices of a client's machine are plugged into the guest."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element
from virt_model import paths


def wanted(given: Given) -> bool:
    """The guest takes USB devices of clients."""
    return given.guest.spec.domain.devices.client_passthrough is not None


def redirections(given: Given) -> list[Element]:
    """One for each device that can be plugged in at a time."""
    sockets = paths.usb_sockets(given.guest.metadata.uid) if wanted(given) else ()
    return [_redirection(socket) for socket in sockets]


def _redirection(path: str) -> Element:
    return element("redirdev", element("source", mode="bind", path=path), bus="usb", type_="unix")
