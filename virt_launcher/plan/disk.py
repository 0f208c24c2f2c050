"""`<disk>`: a volume as the guest sees it, or a CD drive with nothing in it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.disk import BlockSize, Disk
from virt_launcher.plan import alias, cpu
from virt_launcher.plan.disk_target import bus, targets, unit
from virt_launcher.plan.given import Given, Source
from virt_launcher.plan.pci import Wish
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import boot_order, element

PCI_BUS = "virtio"
SATA_PORTS = 6
"""Of one controller; libvirt adds controllers as the disks need them."""
UNPINNED = "usb"
"""libvirt itself chooses the port of a USB disk."""


def key(disk: Disk) -> str:
    """How the disk is called in a PCI layout."""
    return f"disk {disk.name}"


def pci_wishes(given: Given) -> list[Wish]:
    """The disks that sit on the PCI bus themselves."""
    return [
        Wish(key=key(disk), at=disk.disk.pci_address if disk.disk else "")
        for disk in given.guest.spec.domain.devices.disks
        if bus(disk) == PCI_BUS
    ]


def disks(given: Given, addresses: dict[str, dict[str, str]]) -> list[Element]:
    """Every disk of the spec, in its order. Raises CannotBuild when one that is no CD drive has no source."""
    names = targets(given.guest)
    return [_disk(given, disk, names[disk.name], addresses) for disk in given.guest.spec.domain.devices.disks]


def _disk(given: Given, disk: Disk, target: str, addresses: dict[str, dict[str, str]]) -> Element:
    source = given.sources.get(disk.name)
    if source is None and not disk.cdrom:
        raise CannotBuild(f"disk {disk.name} has no volume of that name: add one to spec.volumes")
    if disk.shareable and source is not None and source.image.format != "raw":
        raise CannotBuild(f"disk {disk.name}: a {source.image.format} image cannot be shared: remove shareable")
    on = bus(disk)
    return element(
        "disk",
        _driver(given, disk, source),
        element("source", file=source.image.path) if source else None,
        _backing(source) if source else None,
        element("target", dev=target, bus=on, tray="open" if disk.cdrom and disk.cdrom.tray == "open" else None),
        element("readonly") if _read_only(disk) else None,
        element("shareable") if disk.shareable else None,
        element("serial", disk.serial) if disk.serial else None,
        _block_size(disk.block_size),
        boot_order(disk.boot_order),
        alias.of_disk(disk.name),
        _address(disk, target, addresses),
        type_="file",
        device="cdrom" if disk.cdrom else "disk",
        model=given.guest.virtio_model if on == PCI_BUS else None,
    )


def _driver(given: Given, disk: Disk, source: Source | None) -> Element:
    devices = given.guest.spec.domain.devices
    queues = cpu.count(given.guest.spec.domain.cpu).now if devices.block_multi_queue and bus(disk) == PCI_BUS else None
    return element(
        "driver",
        name="qemu",
        type_=source.image.format if source else "raw",
        cache=disk.cache or ("none" if source is None or source.direct else "writethrough"),
        error_policy=disk.error_policy or "stop",
        io=disk.io or None,
        discard=None if disk.cdrom else "unmap",
        queues=queues,
    )


def _backing(source: Source) -> Element | None:
    """The whole chain, ended explicitly: libvirt then never opens an image to look for another one behind it."""
    if source.backing is None:
        return element("backingStore") if source.image.format == "qcow2" else None
    return element(
        "backingStore",
        element("format", type_=source.backing.format),
        element("source", file=source.backing.path),
        element("backingStore"),
        type_="file",
    )


def _read_only(disk: Disk) -> bool:
    return disk.cdrom is not None or (disk.disk is not None and disk.disk.readonly)


def _block_size(size: BlockSize | None) -> Element | None:
    if size is None or size.custom is None:
        return None
    custom = size.custom
    return element(
        "blockio",
        logical_block_size=custom.logical,
        physical_block_size=custom.physical,
        discard_granularity=custom.discard_granularity,
    )


def _address(disk: Disk, target: str, addresses: dict[str, dict[str, str]]) -> Element | None:
    """virtio disks sit on the PCI bus, others have the unit that their target says."""
    if bus(disk) == PCI_BUS:
        place = addresses.get(key(disk))
        return element("address", **place) if place else None
    if bus(disk) == UNPINNED:
        return None
    controller, port = divmod(unit(target), SATA_PORTS) if bus(disk) == "sata" else (0, unit(target))
    return element("address", type_="drive", controller=controller, bus=0, target=0, unit=port)
