"""`<os>`: machine type, firmware and how the guest starts."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.given import FirmwareFiles, Given
from virt_launcher.plan.tree import element, yes_no

MENU_MILLISECONDS = 10_000
ARCHITECTURES = {"": "x86_64", "amd64": "x86_64"}
"""Kubernetes' names to QEMU's; only what was tried."""


def secure_boot(given: Given) -> bool:
    """UEFI was asked for and its secure boot not declined."""
    firmware = given.guest.spec.domain.firmware
    efi = firmware.bootloader.efi if firmware and firmware.bootloader else None
    return efi is not None and efi.secure_boot is not False


def os(given: Given) -> Element:
    """The board. A guest that starts paused offers a boot menu, for whoever opens its console before it runs."""
    guest = given.guest
    return element(
        "os",
        element("type", "hvm", arch=ARCHITECTURES[guest.spec.architecture], machine=guest.machine),
        _uefi(given.firmware, secure_boot(given)) if given.firmware else None,
        _serial_bios(given),
        element("bootmenu", enable="yes", timeout=MENU_MILLISECONDS) if guest.starts_paused else None,
        element("smbios", mode="sysinfo"),
    )


def _uefi(files: FirmwareFiles, secure: bool) -> list[Element]:
    return [
        element("loader", files.code, readonly="yes", secure=yes_no(secure), type_="pflash", format="raw"),
        element("nvram", files.nvram, template=files.variables, format="raw"),
    ]


def _serial_bios(given: Given) -> Element | None:
    firmware = given.guest.spec.domain.firmware
    bios = firmware.bootloader.bios if firmware and firmware.bootloader else None
    return element("bios", useserial="yes") if bios and bios.use_serial else None
