"""`<serial>` and `<console>`: the first serial port as a unix socket, copied to a log."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element
from virt_model import paths


def present(given: Given) -> bool:
    """The guest has a serial console."""
    return given.guest.spec.domain.devices.autoattach_serial_console is not False


def serial(given: Given) -> list[Element]:
    """The port, and a console on it."""
    if not present(given):
        return []
    uid = given.guest.metadata.uid
    return [
        element(
            "serial",
            element("source", mode="bind", path=paths.serial_socket(uid)),
            element("log", file=paths.serial_log(uid), append="on") if given.log_serial else None,
            element("target", port=0),
            type_="unix",
        ),
        element("console", element("target", type_="serial", port=0), type_="pty"),
    ]
