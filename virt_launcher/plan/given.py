"""What the domain depends on beside the VMI: what the node offers and what was prepared in the pod."""

from __future__ import annotations

import enum

import msgspec

from virt_launcher.plan.guest import Guest


class Accelerator(enum.StrEnum):
    """How the guest's instructions run; the values are libvirt's domain types."""

    KVM = "kvm"
    EMULATION = "qemu"


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A tap device that virt-handler prepared for the interface of that name."""

    name: str
    tap: str
    mac: str
    mtu: int
    queues: int = 1


class SystemStrings(msgspec.Struct, frozen=True, kw_only=True):
    """SMBIOS system strings of the cluster."""

    manufacturer: str = "KubeVirt"
    product: str = "None"
    family: str = "KubeVirt"
    version: str = ""
    sku: str = ""


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A disk image file whose format is known, never guessed."""

    path: str
    format: str


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What stands behind a volume's disk."""

    image: Image
    backing: Image | None = None
    """The read-only image under a qcow2 overlay."""
    direct: bool = True
    """The files can be opened with O_DIRECT."""


class FirmwareFiles(msgspec.Struct, frozen=True, kw_only=True):
    """The UEFI that was chosen for the guest."""

    code: str
    variables: str
    """The template of `nvram`."""
    nvram: str


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `plan.domain.render` reads."""

    guest: Guest
    accelerator: Accelerator
    sources: dict[str, Source] = {}
    """By volume name; exactly those of the volumes that have a disk."""
    nics: tuple[Nic, ...] = ()
    smbios: SystemStrings = SystemStrings()
    balloon_stats_period: int = 10
    free_page_reporting: bool = True
    log_serial: bool = True
    firmware: FirmwareFiles | None = None
