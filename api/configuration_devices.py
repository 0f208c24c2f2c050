"""Which devices of nodes VMs may have, and which virtual ones are made for them."""

from __future__ import annotations

from typing import Annotated

from api.marks import ATOMIC_LIST
from api.view import View


class PciHostDevice(View, frozen=True, kw_only=True):
    """A kind of PCI device."""

    pci_vendor_selector: str
    """Vendor and product, such as 10DE:1EB8."""
    resource_name: str
    """Resource it is offered as."""
    external_resource_provider: bool = False
    """True when somebody else's plugin offers it."""


class MediatedHostDevice(View, frozen=True, kw_only=True):
    """A kind of mediated device."""

    mdev_name_selector: str
    """Its type's name, such as GRID T4-1Q."""
    resource_name: str
    """Name VMs ask for it by."""
    external_resource_provider: bool = False
    """True when another plugin offers it."""


class USBSelector(View, frozen=True, kw_only=True):
    """A USB device by its numbers."""

    vendor: str
    """Vendor, four hex digits."""
    product: str
    """Product, four hex digits."""


class USBHostDevice(View, frozen=True, kw_only=True):
    """USB devices that go together."""

    resource_name: str
    """Name VMs ask for them by."""
    selectors: Annotated[tuple[USBSelector, ...], ATOMIC_LIST] = ()
    """Which devices make up one."""
    external_resource_provider: bool = False
    """True when a plugin of somebody else offers them."""


class PermittedHostDevices(View, frozen=True, kw_only=True):
    """Devices VMs may have."""

    pci_host_devices: Annotated[tuple[PciHostDevice, ...], ATOMIC_LIST] = ()
    """PCI."""
    mediated_devices: Annotated[tuple[MediatedHostDevice, ...], ATOMIC_LIST] = ()
    """Mediated."""
    usb: Annotated[tuple[USBHostDevice, ...], ATOMIC_LIST] = ()
    """USB."""


class NodeMediatedDeviceTypesConfig(View, frozen=True, kw_only=True):
    """Types to make on certain nodes."""

    node_selector: dict[str, str]
    """Labels of those nodes."""
    mediated_device_types: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Types."""
    mediated_devices_types: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Types, under their old name."""


class MediatedDevicesConfiguration(View, frozen=True, kw_only=True):
    """Virtual devices that nodes make out of physical ones."""

    mediated_device_types: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Types to make on every node."""
    mediated_devices_types: Annotated[tuple[str, ...], ATOMIC_LIST] = ()
    """Types to make on every node, under their old name."""
    node_mediated_device_types: Annotated[tuple[NodeMediatedDeviceTypesConfig, ...], ATOMIC_LIST] = ()
    """Types by node."""
    enabled: bool | None = None
    """False leaves the making to somebody else; absent means true."""
