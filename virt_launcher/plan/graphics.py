"""`<graphics>` and `<video>`: VNC on a unix socket."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element
from virt_model import paths

VGA_KIB = 16384


def graphics(given: Given) -> list[Element]:
    """A VNC server and a video card, unless the VMI declines them."""
    devices = given.guest.spec.domain.devices
    if devices.autoattach_graphics_device is False:
        return []
    listen = element("listen", type_="socket", socket=paths.vnc_socket(given.guest.metadata.uid))
    return [element("graphics", listen, type_="vnc"), element("video", _model(given))]


def _model(given: Given) -> Element:
    video = given.guest.spec.domain.devices.video
    kind = (video.type if video else "") or ("bochs" if given.firmware else "vga")
    return element("model", type_=kind, heads=1, vram=VGA_KIB if kind == "vga" else None)
