"""Where on the PCIe bus each device sits, and the root ports that are left for devices to come.

A q35 guest has a `pcie-root-port` per device, because only what sits on one can be plugged and unplugged. The order
is part of the contract: guests name their NIC after its bus (`enp1s0`), so the NICs come first, then as many free
ports as make four, then controllers, disks, balloon and random source, then spare ports (contract 5.3).
Conventional PCI devices (e1000, i6300esb) share one bridge, which takes the port of the first of them.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import msgspec

from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import element
from virt_model import labels

NIC_PORTS = 4
SPARE = 1
LARGE = 2 << 30
"""Bytes of memory at boot above which a guest gets more free ports."""
MAX_INDEX = 31
FIRST_ROOT_SLOT, LAST_ROOT_SLOT = 3, 30
"""Slot 1 is the video card, 2 libvirt's own choice, 0x1f the chipset."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One device that needs a place. `key` names it to the caller; `at` is an address that its user chose."""

    key: str
    conventional: bool = False
    at: str = ""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The places by key, and the controllers that make them."""

    addresses: dict[str, dict[str, str]]
    controllers: tuple[Element, ...]


def is_pcie(machine: str) -> bool:
    """The machine has PCIe; on others libvirt finds the places."""
    return "q35" in machine


def layout(guest: Guest, nics: list[Wish], others: list[Wish]) -> Layout:
    """Places for all devices, in the order given."""
    if not is_pcie(guest.machine):
        return Layout(addresses=_chosen(nics + others), controllers=())
    if guest.metadata.annotations.get(labels.PCI_ON_ROOT_COMPLEX) == "true":
        return _on_root(nics + others)
    ports = _Ports(_chosen(nics + others))
    ports.place(nics)
    placeholders = _placeholders(guest, len(nics))
    ports.leave_free(placeholders)
    ports.place(others)
    ports.leave_free(SPARE + max(0, _wanted_free(guest, ports.used) - placeholders))
    if ports.last > MAX_INDEX:
        ports.controllers = ports.controllers[: MAX_INDEX + 1]
    return Layout(addresses=ports.addresses, controllers=tuple(ports.controllers))


def _placeholders(guest: Guest, nics: int) -> int:
    """Free ports behind the NICs, for NICs to come."""
    annotations = guest.metadata.annotations
    if annotations.get(labels.PCI_TOPOLOGY_VERSION) == "v2":
        slots = annotations.get(labels.PCI_INTERFACE_SLOTS, "0")
        return max(0, int(slots) - nics) if slots.isascii() and slots.isdigit() and len(slots) < 4 else 0
    return max(0, NIC_PORTS - nics) if nics else 0


def _wanted_free(guest: Guest, used: int) -> int:
    return max(16 - used, 6) if guest.memory_bytes > LARGE else max(8 - used, 3)


class _Ports:
    """Root ports handed out one after the other; the index of a controller is the number of the bus behind it."""

    def __init__(self, chosen: dict[str, dict[str, str]]) -> None:
        self.addresses = dict(chosen)
        self._chosen = [(place["bus"], place["slot"]) for place in chosen.values()]
        self.controllers = [element("controller", type_="pci", index=0, model="pcie-root")]
        self.used = 0
        self._bridge = 0
        self._bridge_slots = 0

    @property
    def last(self) -> int:
        return len(self.controllers) - 1

    def place(self, wishes: list[Wish]) -> None:
        for wish in wishes:
            if not wish.at:
                place = self._behind_bridge() if wish.conventional else at(bus=self._port(), slot=0)
                self.addresses[wish.key] = place
        if self.last > MAX_INDEX:
            raise CannotBuild(f"the guest has {self.used} PCI devices, at most {MAX_INDEX} fit: leave some out")

    def leave_free(self, number: int) -> None:
        for _ in range(number):
            self._add("pcie-root-port")

    def _port(self) -> int:
        """A new port with nothing on it; one that a user chose for a device is made too, and passed over."""
        self.used += 1
        while self._is_chosen(at(bus=(bus := self._add("pcie-root-port")), slot=0)):
            pass
        return bus

    def _is_chosen(self, place: dict[str, str]) -> bool:
        return (place["bus"], place["slot"]) in self._chosen

    def _behind_bridge(self) -> dict[str, str]:
        if not self._bridge:
            self._bridge = self._add("pcie-to-pci-bridge", at(bus=self._port(), slot=0))
        self._bridge_slots += 1
        while self._is_chosen(at(bus=self._bridge, slot=self._bridge_slots)):
            self._bridge_slots += 1
        return at(bus=self._bridge, slot=self._bridge_slots)

    def _add(self, model: str, address: dict[str, str] | None = None) -> int:
        index = self.last + 1
        where = element("address", **address) if address else None
        self.controllers.append(element("controller", where, type_="pci", index=index, model=model))
        return index


def _on_root(wishes: list[Wish]) -> Layout:
    """Every device on bus 0: what guests of before the root ports expect. Nothing can be plugged in there."""
    chosen = _chosen(wishes)
    slots = (at(bus=0, slot=number) for number in range(FIRST_ROOT_SLOT, LAST_ROOT_SLOT + 1))
    left = [slot for slot in slots if all(slot != {**place, "function": slot["function"]} for place in chosen.values())]
    others = [wish.key for wish in wishes if wish.key not in chosen]
    if len(others) > len(left):
        raise CannotBuild(f"the guest has {len(wishes)} PCI devices, more than the root bus has slots: leave some out")
    addresses = chosen | dict(zip(others, left, strict=False))
    return Layout(addresses=addresses, controllers=(element("controller", type_="pci", index=0, model="pcie-root"),))


def _chosen(wishes: list[Wish]) -> dict[str, dict[str, str]]:
    return {wish.key: parse(wish.at, wish.key) for wish in wishes if wish.at}


def at(*, bus: int, slot: int, domain: int = 0, function: int = 0) -> dict[str, str]:
    """The attributes of an `<address>`."""
    return {
        "type": "pci",
        "domain": f"0x{domain:04x}",
        "bus": f"0x{bus:02x}",
        "slot": f"0x{slot:02x}",
        "function": f"0x{function:x}",
    }


def parse(text: str, key: str) -> dict[str, str]:
    """The attributes for an address such as `0000:81:01.0`. Raises CannotBuild when it is not one."""
    try:
        domain, bus, device = text.split(":")
        slot, function = device.split(".")
        return at(domain=int(domain, 16), bus=int(bus, 16), slot=int(slot, 16), function=int(function, 16))
    except ValueError:
        raise CannotBuild(f"{key}: {text!r} is not a PCI address such as 0000:81:01.0") from None
