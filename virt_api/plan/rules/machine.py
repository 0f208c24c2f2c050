"""The board under the guest: machine type, boot loader, a kernel from outside, the architecture."""

from __future__ import annotations

from fnmatch import fnmatchcase

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import flag, has, table, text
from virt_api.plan.rule import Offences, Rule, Subject, once

ARCHITECTURES = ("amd64", "arm64", "s390x")


def _architecture(subject: Subject) -> str:
    return text(subject.spec, "architecture") or subject.config.default_architecture


def _unknown_machine(subject: Subject) -> Offences:
    machine = text(subject.spec, "domain", "machine", "type")
    allowed = subject.config.emulated_machines.get(_architecture(subject), ())
    if machine and not any(fnmatchcase(machine, pattern) for pattern in allowed):
        yield {"machine": machine, "allowed": " ".join(allowed)}


def _unknown_architecture(subject: Subject) -> Offences:
    value = text(subject.spec, "architecture")
    if value and value not in ARCHITECTURES:
        yield {"value": value}


def _both_loaders(subject: Subject) -> Offences:
    loader = table(subject.spec, "domain", "firmware", "bootloader")
    return once(when=has(loader, "efi") and has(loader, "bios"))


def _secure_boot_without_smm(subject: Subject) -> Offences:
    efi = table(subject.spec, "domain", "firmware", "bootloader").get("efi")
    secure = isinstance(efi, dict) and flag(efi, "secureBoot") is not False
    smm = table(subject.spec, "domain", "features").get("smm")
    return once(when=secure and not (isinstance(smm, dict) and flag(smm, "enabled") is not False))


def _uefi_without_acpi(subject: Subject) -> Offences:
    uefi = has(subject.spec, "domain", "firmware", "bootloader", "efi")
    return once(when=uefi and flag(subject.spec, "domain", "features", "acpi", "enabled") is False)


def _kernel_container_without_image(subject: Subject) -> Offences:
    container = table(subject.spec, "domain", "firmware", "kernelBoot").get("container")
    return once(when=isinstance(container, dict) and not text(container, "image"))


def _kernel_container_without_paths(subject: Subject) -> Offences:
    container = table(subject.spec, "domain", "firmware", "kernelBoot").get("container")
    named = text(container, "kernelPath") or text(container, "initrdPath")
    return once(when=isinstance(container, dict) and not named)


def _arguments_without_kernel(subject: Subject) -> Offences:
    boot = table(subject.spec, "domain", "firmware", "kernelBoot")
    return once(when=bool(text(boot, "kernelArgs")) and not text(boot, "container", "kernelPath"))


_LOADER = "{at}.domain.firmware.bootloader"
_KERNEL = "{at}.domain.firmware.kernelBoot"

MACHINE = (
    Rule(
        _unknown_machine,
        "{at}.domain.machine.type",
        "{at}.domain.machine.type is not supported: {machine} (allowed values: [{allowed}])",
    ),
)
ARCHITECTURE = (Rule(_unknown_architecture, "{at}.architecture", "unsupported architecture: {value}"),)
FIRMWARE = (
    Rule(_both_loaders, _LOADER, _LOADER + " has both EFI and BIOS configured, but they are mutually exclusive."),
    Rule(
        _secure_boot_without_smm,
        "{at}.domain",
        "{at}.domain has EFI SecureBoot enabled. SecureBoot requires SMM, which is currently disabled.",
    ),
    Rule(
        _uefi_without_acpi,
        "{at}.domain",
        "{at}.domain has EFI enabled. EFI requires ACPI, which is currently disabled.",
    ),
    Rule(
        _kernel_container_without_image,
        _KERNEL + ".container.image",
        _KERNEL + ".container must be defined with an image",
        REQUIRED,
    ),
    Rule(
        _kernel_container_without_paths,
        _KERNEL + ".container",
        _KERNEL + ".container must be defined with at least one of the following: kernelPath, initrdPath",
        REQUIRED,
    ),
    Rule(
        _arguments_without_kernel,
        _KERNEL + ".kernelArgs",
        "kernel arguments cannot be provided without an external kernel",
    ),
)
