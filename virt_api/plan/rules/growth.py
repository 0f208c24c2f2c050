"""Room for memory in a VM's template: where `maxGuest` is said, guest and ceiling must be sizes that can grow live.

Not asked of a VMI: one that is made by hand is taken as it is, as it has always been.
"""

from __future__ import annotations

from fractions import Fraction

from virt_api.plan.reading import amount, has, text
from virt_api.plan.rule import Offences, Rule, Subject, once

_BLOCK = Fraction(2**21)


def _grows(subject: Subject) -> bool:
    return subject.config.vm_rollout_strategy == "LiveUpdate" and has(subject.spec, "domain", "memory", "maxGuest")


def _sizes(subject: Subject) -> tuple[Fraction | None, Fraction]:
    guest = amount(subject.spec, "domain", "memory", "guest")
    return guest, amount(subject.spec, "domain", "memory", "maxGuest") or Fraction(0)


def _no_guest(subject: Subject) -> Offences:
    return once(when=_grows(subject) and _sizes(subject)[0] is None)


def _guest_over_ceiling(subject: Subject) -> Offences:
    guest, most = _sizes(subject)
    return once(when=_grows(subject) and guest is not None and guest > most)


def _guest_off_block(subject: Subject) -> Offences:
    guest, most = _sizes(subject)
    return once(when=_grows(subject) and guest is not None and guest <= most and guest % _BLOCK != 0)


def _ceiling_off_block(subject: Subject) -> Offences:
    return once(when=_grows(subject) and _sizes(subject)[1] % _BLOCK != 0)


def _other_architecture(subject: Subject) -> Offences:
    return once(when=_grows(subject) and text(subject.spec, "architecture") not in ("", "amd64"))


_GUEST = "{at}.domain.memory.guest"

GROWTH = (
    Rule(_no_guest, _GUEST, "Guest memory must be configured when memory hotplug is enabled"),
    Rule(_guest_over_ceiling, _GUEST, "Guest memory is greater than the configured maxGuest memory"),
    Rule(_guest_off_block, _GUEST, "Guest memory must be 2Mi aligned"),
    Rule(_ceiling_off_block, "{at}.domain.memory.maxGuest", "MaxGuest must be 2Mi aligned"),
    Rule(_other_architecture, "{at}.architecture", "Memory hotplug is only available for x86_64 VMs"),
)
