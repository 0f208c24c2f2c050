"""`<serial>` and `<console>`: the first serial port as a unix socket, copied to a log."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element

SOCKET = "virt-serial0"
LOG = "virt-serial0-log"


def present(given: Given) -> bool:
    """The guest has a serial console."""
    return given.guest.spec.domain.devices.autoattach_serial_console is not False


def serial(given: Given) -> list[Element]:
    """The port, and a console on it."""
    if not present(given):
        return []
    path = f"{given.private_dir}/{SOCKET}"
    log = f"{given.private_dir}/{LOG}" if given.log_serial else None
    return [
        element(
            "serial",
            element("source", mode="bind", path=path),
            element("log", file=log, append="on") if log else None,
            element("target", port=0),
            type_="unix",
        ),
        element("console", element("target", type_="serial", port=0), type_="pty"),
    ]
