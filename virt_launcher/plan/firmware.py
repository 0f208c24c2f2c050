"""Which UEFI a guest boots with."""

from __future__ import annotations

from virt_launcher.plan.given import FirmwareFiles
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_model import paths

PLAIN = (("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"), ("OVMF_CODE.fd", "OVMF_VARS.fd"))
SECURE = (("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd"), ("OVMF_CODE.secboot.fd", "OVMF_VARS.secboot.fd"))
"""Code and template of the variables, best first: Debian's names, then Fedora's."""
NVRAM_DIR = f"{paths.PRIVATE}/libvirt/qemu/nvram"


def choose(guest: Guest, directory: str, present: frozenset[str]) -> FirmwareFiles | None:
    """None for a guest with BIOS. Raises CannotBuild when the image lacks the files."""
    wanted = guest.spec.domain.firmware
    efi = wanted.bootloader.efi if wanted and wanted.bootloader else None
    if efi is None:
        return None
    if efi.persistent:
        raise CannotBuild("firmware.bootloader.efi.persistent is not supported by this version: remove it")
    for code, variables in PLAIN if efi.secure_boot is False else SECURE:
        if {code, variables} <= present:
            return FirmwareFiles(
                code=f"{directory}/{code}",
                variables=f"{directory}/{variables}",
                nvram=f"{NVRAM_DIR}/{guest.metadata.name}_VARS.fd",
            )
    raise CannotBuild(f"the launcher's image has no UEFI for this guest in {directory}")
