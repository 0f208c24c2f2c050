"""A libvirt domain: what it is like at first, its end by force, and what libvirt says of it."""

from __future__ import annotations

import libvirt

from virt_ipc.messages import DomainReport
from virt_launcher.adapters import words
from virt_launcher.adapters.log import warn

MAX_MESSAGE = 1500
"""Characters of a libvirt error that go to a user."""


def first_report(domain: libvirt.virDomain) -> DomainReport:
    """What is known of it before anything was heard."""
    try:
        live = words.Live.read(domain.XMLDesc())
    except libvirt.libvirtError as error:
        warn(f"the guest ended at once: {text(error)}")
        return DomainReport()
    return DomainReport(
        machine_type=live.machine,
        agent_connected=live.agent_connected,
        interfaces=live.interfaces,
        disks=live.disks,
    )


def destroy(domain: libvirt.virDomain) -> None:
    """SIGTERM to QEMU, then SIGKILL. Raises libvirt.libvirtError."""
    try:
        domain.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return
        warn(f"QEMU did not end on SIGTERM: {text(error)}")
        domain.destroy()


def text(error: libvirt.libvirtError) -> str:
    """What libvirt says, for a user."""
    return str(error.get_error_message() or error)[:MAX_MESSAGE]
