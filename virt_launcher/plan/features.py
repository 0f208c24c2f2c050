"""`<features>`: switches of the hypervisor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol
from xml.etree.ElementTree import Element

from api.features import FeatureHyperv, Features
from virt_launcher.plan.boot import secure_boot
from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element, on_off

SPINLOCK_RETRIES = 4096
SIMPLE = ("relaxed", "vapic", "vpindex", "runtime", "synic", "reset", "frequencies", "reenlightenment", "ipi", "evmcs")
"""Enlightenments that are only on or off."""


class Switch(Protocol):
    """A feature with `enabled`, which is on unless it says otherwise."""

    @property
    def enabled(self) -> bool | None: ...


def acpi_on(wanted: Features | None) -> bool:
    """The guest has ACPI, and so a power button."""
    return wanted is not None and wanted.acpi is not None and _is_on(wanted.acpi)


def synthetic_timers(wanted: Features | None) -> bool:
    """Hyper-V's timers are on; they count by Hyper-V's clock."""
    if wanted is None or wanted.hyperv is None or (wanted.hyperv_passthrough and _is_on(wanted.hyperv_passthrough)):
        return False
    return wanted.hyperv.synictimer is not None and _is_on(wanted.hyperv.synictimer)


def features(given: Given) -> Element | None:
    """The feature switches; the element is only there when the VMI has a features struct."""
    wanted = given.guest.spec.domain.features
    if wanted is None:
        return None
    return element("features", _switches(wanted, secure_boot(given)))


def _switches(wanted: Features, secure: bool) -> Iterator[Element]:
    if acpi_on(wanted):
        yield element("acpi")
    if wanted.apic and _is_on(wanted.apic):
        yield element("apic", eoi="on" if wanted.apic.end_of_interrupt else None)
    if wanted.hyperv_passthrough and _is_on(wanted.hyperv_passthrough):
        yield element("hyperv", mode="passthrough")
    elif wanted.hyperv:
        yield element("hyperv", _enlightenments(wanted.hyperv), mode="custom")
    if wanted.kvm:
        yield element("kvm", element("hidden", state=on_off(wanted.kvm.hidden)))
    if wanted.pvspinlock:
        yield element("pvspinlock", state=on_off(_is_on(wanted.pvspinlock)))
    yield element("vmport", state="off")
    if secure or (wanted.smm and _is_on(wanted.smm)):
        yield element("smm", state="on")


def _enlightenments(wanted: FeatureHyperv) -> Iterator[Element | None]:
    for name in SIMPLE:
        yield _switch(name, getattr(wanted, name))
    if wanted.spinlocks:
        retries = wanted.spinlocks.spinlocks or SPINLOCK_RETRIES
        yield element("spinlocks", state=on_off(_is_on(wanted.spinlocks)), retries=retries)
    if wanted.synictimer:
        yield _switch("stimer", wanted.synictimer, _switch("direct", wanted.synictimer.direct))
    if wanted.vendorid:
        yield element("vendor_id", state=on_off(_is_on(wanted.vendorid)), value=wanted.vendorid.vendorid)
    if wanted.tlbflush:
        direct, extended = wanted.tlbflush.direct, wanted.tlbflush.extended
        yield _switch("tlbflush", wanted.tlbflush, _switch("direct", direct), _switch("extended", extended))


def _switch(tag: str, switch: Switch | None, *parts: Element | None) -> Element | None:
    return None if switch is None else element(tag, *parts, state=on_off(_is_on(switch)))


def _is_on(switch: Switch) -> bool:
    return switch.enabled is not False
