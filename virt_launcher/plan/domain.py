"""The whole `<domain>`: this file says which parts there are, each part's file says what it looks like."""

from __future__ import annotations

from xml.etree.ElementTree import Element, indent, tostring

from virt_launcher.plan import (
    balloon,
    boot,
    channel,
    clock,
    controller,
    cpu,
    disk,
    features,
    graphics,
    input,
    interface,
    memory,
    panic,
    pci,
    qemu_events,
    redirection,
    rng,
    serial,
    system,
    unsupported,
    watchdog,
)
from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element

NAMESPACE = "http://kubevirt.io"


def render(given: Given) -> str:
    """libvirt's XML of the guest. Raises CannotBuild with a sentence for the VMI's user."""
    tree = domain(given)
    indent(tree)
    return tostring(tree, encoding="unicode")


def domain(given: Given) -> Element:
    """The domain as a tree."""
    unsupported.check(given.guest)
    return element(
        "domain",
        element("name", given.guest.domain_name),
        element("metadata", element("kubevirt", element("uid"), xmlns=NAMESPACE)),
        memory.memory(given),
        cpu.vcpus(given),
        system.sysinfo(given),
        boot.os(given),
        features.features(given),
        cpu.cpu(given),
        clock.clock(given),
        element("on_reboot", "destroy") if given.guest.spec.domain.reboot_policy == "Terminate" else None,
        devices(given),
        qemu_events.command_line(given),
        type_=given.accelerator.value,
    )


def devices(given: Given) -> Element:
    """Every device, each in its place."""
    places = pci.layout(given.guest, interface.pci_wishes(given), _behind_the_nics(given))
    at = places.addresses
    return element(
        "devices",
        disk.disks(given, at),
        controller.controllers(given, at),
        places.controllers,
        interface.interfaces(given, at),
        serial.serial(given),
        channel.agent_channel(),
        input.inputs(given, at),
        graphics.graphics(given),
        redirection.redirections(given),
        watchdog.watchdog(given, at),
        balloon.balloon(given, at),
        rng.rng(given, at),
        panic.panics(given),
    )


def _behind_the_nics(given: Given) -> list[pci.Wish]:
    return [
        *controller.pci_wishes(given),
        *disk.pci_wishes(given),
        *([pci.Wish(key=balloon.PCI_KEY)] if balloon.wanted(given) else []),
        *([pci.Wish(key=rng.PCI_KEY)] if rng.wanted(given) else []),
        *input.pci_wishes(given),
        *watchdog.pci_wishes(given),
    ]
