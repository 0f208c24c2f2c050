"""libvirt's numbers and its live XML, in the words of `virt_ipc.messages`."""

from __future__ import annotations

from typing import NamedTuple, Self
from xml.etree.ElementTree import Element, fromstring

import libvirt

from virt_ipc.messages import DiskReport, InterfaceReport, Reason, Status
from virt_launcher.plan import alias

STATUS = {
    libvirt.VIR_DOMAIN_NOSTATE: Status.NOSTATE,
    libvirt.VIR_DOMAIN_RUNNING: Status.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: Status.BLOCKED,
    libvirt.VIR_DOMAIN_PAUSED: Status.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: Status.SHUTDOWN,
    libvirt.VIR_DOMAIN_SHUTOFF: Status.SHUTOFF,
    libvirt.VIR_DOMAIN_CRASHED: Status.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Status.PMSUSPENDED,
}

END = {
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: Reason.SHUTDOWN,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: Reason.DESTROYED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: Reason.CRASHED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: Reason.MIGRATED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: Reason.SAVED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: Reason.CRASHED,
    libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: Reason.FROM_SNAPSHOT,
}
"""Detail of the event `stopped`. libvirt says `failed` when QEMU itself died under a running guest."""

_REASON = {
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_BOOTED): Reason.BOOTED,
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_UNPAUSED): Reason.UNPAUSED,
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED): Reason.MIGRATED,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER): Reason.USER,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP): Reason.STARTING,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION): Reason.MIGRATION,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR): Reason.IO_ERROR,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY): Reason.POSTCOPY,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED): Reason.POSTCOPY_FAILED,
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_CRASHED): Reason.CRASHED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN): Reason.SHUTDOWN,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED): Reason.DESTROYED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_CRASHED): Reason.CRASHED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FAILED): Reason.CRASHED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED): Reason.MIGRATED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SAVED): Reason.SAVED,
    (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT): Reason.FROM_SNAPSHOT,
    (libvirt.VIR_DOMAIN_CRASHED, libvirt.VIR_DOMAIN_CRASHED_PANICKED): Reason.PANICKED,
}


def reason(state: int, why: int) -> Reason:
    """The reason of a state; `unknown` for those that no phase depends on."""
    return _REASON.get((state, why), Reason.UNKNOWN)


AGENT_CHANNEL = "org.qemu.guest_agent.0"


class Live(NamedTuple):
    """What libvirt made of our XML."""

    machine: str
    interfaces: list[InterfaceReport]
    disks: list[DiskReport]
    agent_connected: bool

    @classmethod
    def read(cls, xml: str) -> Self:
        """From a live domain's XML."""
        tree = fromstring(xml)
        return cls(
            machine=_of(tree, "os/type", "machine"),
            interfaces=[_interface(nic) for nic in tree.iterfind("devices/interface")],
            disks=[_disk(disk) for disk in tree.iterfind("devices/disk")],
            agent_connected=_of(tree, f"devices/channel/target[@name='{AGENT_CHANNEL}']", "state") == "connected",
        )


def names_of_devices(tree: Element) -> dict[str, str]:
    """The VMI's names of NICs and disks, by tap and by target. One that it did not name is not in it."""
    named = [(nic, alias.nic_name(_alias(nic))) for nic in tree.iterfind("devices/interface")]
    named += [(disk, alias.disk_name(_alias(disk))) for disk in tree.iterfind("devices/disk")]
    return {_of(device, "target", "dev"): name for device, name in named if name}


def _interface(nic: Element) -> InterfaceReport:
    return InterfaceReport(
        name=alias.nic_name(_alias(nic)),
        mac=_of(nic, "mac", "address"),
        model=_of(nic, "model", "type"),
        queues=int(_of(nic, "driver", "queues") or 1),
        link_up=_of(nic, "link", "state") != "down",
    )


def _disk(disk: Element) -> DiskReport:
    return DiskReport(
        name=alias.disk_name(_alias(disk)), target=_of(disk, "target", "dev"), bus=_of(disk, "target", "bus")
    )


def _alias(device: Element) -> str:
    return _of(device, "alias", "name")


def _of(node: Element, path: str, attribute: str) -> str:
    found = node.find(path)
    return "" if found is None else found.get(attribute, "")
