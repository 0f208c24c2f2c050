"""`<clock>`: only there when the VMI sets one; libvirt's own default is UTC."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from api.firmware_clock import Clock, Timer
from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element, yes_no


def clock(given: Given) -> Element | None:
    """The guest's time base and timers."""
    wanted = given.guest.spec.domain.clock
    if wanted is None:
        return None
    return element("clock", _timers(wanted.timer or Timer()), **_offset(wanted))


def _offset(wanted: Clock) -> dict[str, str]:
    if wanted.timezone is not None:
        return {"offset": "timezone", "timezone": wanted.timezone}
    if wanted.utc is None:
        return {"offset": "utc"}
    seconds = wanted.utc.offset_seconds
    return {"offset": "utc", "adjustment": "reset" if seconds is None else str(seconds)}


def _timers(timer: Timer) -> Iterator[Element]:
    if timer.rtc:
        yield _timer("rtc", timer.rtc.present, timer.rtc.tick_policy, timer.rtc.track)
    if timer.pit:
        yield _timer("pit", timer.pit.present, timer.pit.tick_policy)
    if timer.kvm:
        yield _timer("kvmclock", timer.kvm.present)
    if timer.hpet:
        yield _timer("hpet", timer.hpet.present, timer.hpet.tick_policy)
    if timer.hyperv:
        yield _timer("hypervclock", timer.hyperv.present)


def _timer(name: str, present: bool | None, tick_policy: str = "", track: str = "") -> Element:
    return element(
        "timer",
        name=name,
        present=yes_no(present is not False),
        tickpolicy=tick_policy or None,
        track=track or None,
    )
