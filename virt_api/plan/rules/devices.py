"""Boot order and PCI addresses across disks and interfaces, input devices, I/O threads, the video card."""

from __future__ import annotations

from collections.abc import Iterator

from virt_api.plan.causes import REQUIRED
from virt_api.plan.reading import flag, has, number, numbered, table, text
from virt_api.plan.rule import Offences, Rule, Subject, once

IO_THREAD_POLICIES = ("shared", "auto", "supplementalPool")
INPUT_BUSES = ("virtio", "usb")
INPUT_TYPES = ("tablet",)


def _orders(subject: Subject) -> Iterator[tuple[str, int, int | None]]:
    for device in ("disks", "interfaces"):
        for i, entry in numbered(subject.spec, "domain", "devices", device):
            yield device, i, number(entry, "bootOrder")


def _order_taken(subject: Subject) -> Offences:
    taken: set[int] = set()
    for device, i, order in _orders(subject):
        if order is None:
            continue
        if order in taken:
            yield {"device": device, "i": i}
        taken.add(order)


def _interface_order_below_one(subject: Subject) -> Offences:
    for device, i, order in _orders(subject):
        if device == "interfaces" and order is not None and order < 1:
            yield {"i": i}


def _place_taken(subject: Subject) -> Offences:
    taken: set[str] = set()
    for device, way in (("disks", ("disk", "pciAddress")), ("interfaces", ("pciAddress",))):
        for i, entry in numbered(subject.spec, "domain", "devices", device):
            address = text(entry, *way).lower()
            if address and address in taken:
                yield {"device": device, "i": i, "way": ".".join(way), "address": text(entry, *way)}
            taken.add(address)


def _unknown_input_bus(subject: Subject) -> Offences:
    for i, entry in numbered(subject.spec, "domain", "devices", "inputs"):
        bus = text(entry, "bus")
        if bus and bus not in INPUT_BUSES:
            yield {"i": i}


def _unknown_input_type(subject: Subject) -> Offences:
    for i, entry in numbered(subject.spec, "domain", "devices", "inputs"):
        kind = text(entry, "type")
        if kind and kind not in INPUT_TYPES:
            yield {"i": i}


def _nameless_input(subject: Subject) -> Offences:
    for i, entry in numbered(subject.spec, "domain", "devices", "inputs"):
        if not text(entry, "name"):
            yield {"i": i}


def _unknown_io_threads_policy(subject: Subject) -> Offences:
    policy = text(subject.spec, "domain", "ioThreadsPolicy")
    if policy and policy not in IO_THREAD_POLICIES:
        yield {"policy": policy}


def _pool_without_threads(subject: Subject) -> Offences:
    pool = text(subject.spec, "domain", "ioThreadsPolicy") == "supplementalPool"
    count = number(subject.spec, "domain", "ioThreads", "supplementalPoolThreadCount") or 0
    return once(when=pool and count < 1)


def _video_without_graphics(subject: Subject) -> Offences:
    devices = table(subject.spec, "domain", "devices")
    return once(when=has(devices, "video") and flag(devices, "autoattachGraphicsDevice") is False)


_INPUT = "{at}.domain.devices.inputs[{i}]"

BOOT_ORDER = (
    Rule(
        _order_taken,
        "{at}.domain.devices.{device}[{i}].bootOrder",
        "Boot order for {at}.domain.devices.{device}[{i}].bootOrder already set for a different device.",
    ),
    Rule(
        _interface_order_below_one,
        "{at}.domain.devices.interfaces[{i}].bootOrder",
        "{at}.domain.devices.interfaces[{i}] must have a boot order > 0, if supplied",
    ),
)
PCI_PLACES = (
    Rule(
        _place_taken,
        "{at}.domain.devices.{device}[{i}].{way}",
        "PCI address {address} for {at}.domain.devices.{device}[{i}] already set for a different device.",
    ),
)
INPUTS = (
    Rule(_nameless_input, _INPUT + ".name", "Input device must have a name.", REQUIRED),
    Rule(_unknown_input_bus, _INPUT + ".bus", "Input device can have only virtio or usb bus."),
    Rule(_unknown_input_type, _INPUT + ".type", "Input device can have only tablet type."),
)
IO_THREADS = (
    Rule(_unknown_io_threads_policy, "{at}.domain.ioThreadsPolicy", "Invalid IOThreadsPolicy ({policy})"),
    Rule(
        _pool_without_threads,
        "{at}.domain.ioThreads.count",
        "the number of iothreads needs to be set and positive for the dedicated policy",
    ),
)
VIDEO = (
    Rule(
        _video_without_graphics,
        "{at}.video",
        "Video configuration is not allowed when autoattachGraphicsDevice is set to false",
    ),
)
