"""Device plugin resources: which ones virt-handler offers and which ones a launcher pod must ask for."""

from __future__ import annotations

from typing import Final

DOMAIN: Final = "devices.kubevirt.io"
LAUNCHER_USER: Final = 107
"""User and group of a launcher and its QEMU, which open the devices."""
KVM: Final = f"{DOMAIN}/kvm"
TUN: Final = f"{DOMAIN}/tun"
VHOST_NET: Final = f"{DOMAIN}/vhost-net"
VHOST_VSOCK: Final = f"{DOMAIN}/vhost-vsock"

#: resource -> device node on the host
DEVICE_NODES: Final = {
    KVM: "/dev/kvm",
    TUN: "/dev/net/tun",
    VHOST_NET: "/dev/vhost-net",
}


def required(*, emulation: bool, nics: bool, virtio_nics: bool) -> tuple[str, ...]:
    """The resources one launcher pod takes one of each.

    With emulation allowed by the cluster neither KVM nor vhost is asked for: nodes without them must do.
    """
    wanted = ((KVM, not emulation), (TUN, nics), (VHOST_NET, virtio_nics and not emulation))
    return tuple(resource for resource, needed in wanted if needed)
