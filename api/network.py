"""Networks a VM is attached to, and the interfaces by which the guest sees them (joined by name)."""

from __future__ import annotations

from typing import Annotated

from msgspec import field

from api.marks import ATOMIC_LIST, Int, Int32
from api.view import View


class PodNetwork(View, frozen=True, kw_only=True):
    """The network every pod has."""

    vm_network_cidr: str = field(name="vmNetworkCIDR", default="")
    """IPv4 range behind a masquerade interface; absent means 10.0.2.0/24."""
    vm_ipv6_network_cidr: str = field(name="vmIPv6NetworkCIDR", default="")
    """IPv6 range behind a masquerade interface; absent means fd10:0:2::/120."""


class MultusNetwork(View, frozen=True, kw_only=True):
    """A further network, attached by Multus."""

    network_name: str
    """NetworkAttachmentDefinition: name, or namespace/name."""
    default: bool = False
    """True puts it in the place of the pod network."""


class ClaimRequest(View, frozen=True, kw_only=True):
    """A device out of a resource claim."""

    claim_name: str | None = None
    """Entry of the VM's resource claims."""
    request_name: str | None = None
    """Request inside that claim."""


class Network(View, frozen=True, kw_only=True):
    """A network to attach to; one of pod, multus and resourceClaim."""

    name: str
    """Name the interface refers to."""
    pod: PodNetwork | None = None
    """The pod's own network."""
    multus: MultusNetwork | None = None
    """A network by Multus."""
    resource_claim: ClaimRequest | None = None
    """A network device by resource claim."""


class InterfaceBridge(View, frozen=True, kw_only=True):
    """The guest takes over the pod's address, behind a bridge."""


class InterfaceMasquerade(View, frozen=True, kw_only=True):
    """The guest has a private address, translated to the pod's."""


class InterfaceSRIOV(View, frozen=True, kw_only=True):
    """The guest gets a virtual function of the network card."""


class InterfacePasstBinding(View, frozen=True, kw_only=True):
    """A user-space process (passt) carries the guest's connections."""


class DeprecatedInterfaceSlirp(View, frozen=True, kw_only=True):
    """Discontinued user-space networking; refused."""


class DeprecatedInterfaceMacvtap(View, frozen=True, kw_only=True):
    """Discontinued built-in macvtap; refused."""


class DeprecatedInterfacePasst(View, frozen=True, kw_only=True):
    """Discontinued name of the passt binding; refused."""


class PluginBinding(View, frozen=True, kw_only=True):
    """A way of binding that the administrator registered."""

    name: str
    """Name it is registered under."""


class Port(View, frozen=True, kw_only=True):
    """A port of the guest to let in."""

    port: Int32
    """Number, 1 to 65535."""
    name: str = ""
    """Name by which probes and services may call it."""
    protocol: str = ""
    """TCP or UDP; absent means TCP."""


class PortRange(View, frozen=True, kw_only=True):
    """Several ports of the guest in a row."""

    start: Int32
    """First port."""
    end: Int32
    """Last port."""
    protocol: str
    """TCP or UDP."""


class DHCPPrivateOptions(View, frozen=True, kw_only=True):
    """A DHCP option of private meaning."""

    option: Int
    """Code, 224 to 254."""
    value: str
    """Content."""


class DHCPOptions(View, frozen=True, kw_only=True):
    """What DHCP tells the guest beyond its address."""

    boot_file_name: str = ""
    """Option 67: file to boot from the network."""
    tftp_server_name: str = field(name="tftpServerName", default="")
    """Option 66: server to fetch that file from."""
    ntp_servers: tuple[str, ...] = ()
    """Option 42: addresses of time servers."""
    private_options: tuple[DHCPPrivateOptions, ...] = ()
    """Options 224 to 254."""


class Interface(View, frozen=True, kw_only=True):
    """A network card of the guest; exactly one way of binding."""

    name: str
    """Name of the network behind it."""
    model: str = ""
    """virtio, e1000, e1000e, igb, rtl8139, ne2k_pci or pcnet."""
    bridge: InterfaceBridge | None = None
    """Binds by a bridge."""
    masquerade: InterfaceMasquerade | None = None
    """Binds by address translation."""
    sriov: InterfaceSRIOV | None = None
    """Binds by a virtual function."""
    passt_binding: InterfacePasstBinding | None = None
    """Binds by passt."""
    binding: PluginBinding | None = None
    """Binds by a registered plugin."""
    slirp: DeprecatedInterfaceSlirp | None = None
    """Discontinued."""
    macvtap: DeprecatedInterfaceMacvtap | None = None
    """Discontinued."""
    passt: DeprecatedInterfacePasst | None = None
    """Discontinued."""
    ports: tuple[Port, ...] = ()
    """Ports to let in; none means all."""
    port_ranges: Annotated[tuple[PortRange, ...], ATOMIC_LIST] = ()
    """Rows of ports to let in."""
    mac_address: str = ""
    """Hardware address; absent lets one be made."""
    boot_order: Int | None = None
    """Turn in the boot order, shared with the disks."""
    pci_address: str = ""
    """PCI place, such as 0000:81:01.10."""
    dhcp_options: DHCPOptions | None = field(name="dhcpOptions", default=None)
    """What DHCP tells the guest."""
    tag: str = ""
    """Word for the guest's metadata."""
    acpi_index: Int = 0
    """Number that gives the guest a stable name for the card (eno1 for 1)."""
    state: str = ""
    """up, down (no carrier) or absent (unplugged)."""
