"""Disks: how a volume shows itself inside the guest."""

from __future__ import annotations

from msgspec import field

from api.features import FeatureState
from api.marks import Int
from api.view import View


class DiskTarget(View, frozen=True, kw_only=True):
    """An ordinary disk."""

    bus: str = ""
    """virtio, sata, scsi or usb."""
    readonly: bool = False
    """True forbids the guest to write."""
    pci_address: str = ""
    """PCI place of a virtio disk, such as 0000:81:01.10."""


class LunTarget(View, frozen=True, kw_only=True):
    """A SCSI device that passes commands through to the storage behind it."""

    bus: str = ""
    """scsi or sata."""
    readonly: bool = False
    """True forbids the guest to write."""
    reservation: bool = False
    """True lets the guest hold persistent SCSI reservations."""


class CDRomTarget(View, frozen=True, kw_only=True):
    """A CD drive."""

    bus: str = ""
    """sata or scsi."""
    readonly: bool | None = None
    """Whether the medium is read-only; absent means yes."""
    tray: str = ""
    """open or closed; absent means closed."""


class CustomBlockSize(View, frozen=True, kw_only=True):
    """Block sizes by number of bytes."""

    logical: Int = 0
    """Smallest unit the guest may address."""
    physical: Int = 0
    """Smallest unit written without reading first."""
    discard_granularity: Int | None = None
    """Smallest unit that can be discarded."""


class BlockSize(View, frozen=True, kw_only=True):
    """Block sizes the guest sees."""

    custom: CustomBlockSize | None = None
    """Sizes by number."""
    match_volume: FeatureState | None = None
    """Sizes of the storage behind the disk."""


class Disk(View, frozen=True, kw_only=True):
    """A disk of the guest, joined to the volume of the same name; exactly one of disk, lun and cdrom."""

    name: str
    """Name of the volume behind it."""
    disk: DiskTarget | None = None
    """Set for an ordinary disk."""
    lun: LunTarget | None = None
    """Set for a pass-through device."""
    cdrom: CDRomTarget | None = None
    """Set for a CD drive."""
    boot_order: Int | None = None
    """Turn in the boot order, from 1; absent means not booted from while any device has one."""
    serial: str = ""
    """Serial number the guest reads."""
    dedicated_io_thread: bool | None = field(name="dedicatedIOThread", default=None)
    """True gives the disk an I/O thread of its own."""
    cache: str = ""
    """none, writethrough or writeback; absent lets us choose."""
    io: str = ""
    """native or threads; absent lets us choose."""
    tag: str = ""
    """Word that the guest finds beside the device's address in its metadata."""
    block_size: BlockSize | None = None
    """Block sizes, where the defaults do not fit."""
    shareable: bool | None = None
    """True lets several guests write at once; they must know how."""
    error_policy: str | None = None
    """On a failed write: stop the guest, ignore, report, or stop only for want of space (enospace)."""
    changed_block_tracking: bool | None = None
    """True records which blocks change, for incremental backup."""
