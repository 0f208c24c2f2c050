"""libvirt's counters of one domain, as they go to virt-handler."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import fromstring

import libvirt

from virt_ipc.messages import DomainStats
from virt_launcher.adapters import words
from virt_launcher.adapters.dirty_rate import DirtyRate

KINDS = (
    libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
    | libvirt.VIR_DOMAIN_STATS_BALLOON
    | libvirt.VIR_DOMAIN_STATS_VCPU
    | libvirt.VIR_DOMAIN_STATS_INTERFACE
    | libvirt.VIR_DOMAIN_STATS_BLOCK
    | libvirt.VIR_DOMAIN_STATS_DIRTYRATE
)
#: what a busy QEMU would have to be waited for is left out
AT_ONCE = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT


def read(
    connection: libvirt.virConnect, domain: libvirt.virDomain, dirty: DirtyRate, more: Mapping[str, int]
) -> DomainStats:
    """`more` is what was counted elsewhere. Raises libvirt.libvirtError."""
    ((_, found),) = connection.domainListGetStats([domain], KINDS, AT_ONCE)
    return told({**dirty.told(found), **more}, domain.XMLDesc(), sum(map(sum, domain.vcpuPinInfo())))


def told(found: Mapping[str, object], xml: str, affinities: int) -> DomainStats:
    """The numbers, and the names of the devices that they are about as the VMI knows them."""
    known = words.names_of_devices(fromstring(xml))
    values = {name: value for name, value in found.items() if isinstance(value, int) and not isinstance(value, bool)}
    devices = {
        name.removesuffix(".name"): known.get(device, device)
        for name, device in found.items()
        if name.endswith(".name") and isinstance(device, str)
    }
    return DomainStats(values={**values, "vcpu.affinities": affinities}, devices=devices)
