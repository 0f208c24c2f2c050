"""`<clock>`: only there when the VMI sets one, or needs Hyper-V's clock; libvirt's own default is UTC."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element

import msgspec

from api.firmware_clock import Clock, HypervTimer, Timer
from virt_launcher.plan import features
from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element, yes_no


def clock(given: Given) -> Element | None:
    """The guest's time base and timers."""
    domain = given.guest.spec.domain
    wanted, timer = domain.clock or Clock(), (domain.clock and domain.clock.timer) or Timer()
    if timer.hyperv is None and features.synthetic_timers(domain.features):
        timer = msgspec.structs.replace(timer, hyperv=HypervTimer())
    elif domain.clock is None:
        return None
    return element("clock", _timers(timer), **_offset(wanted))


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
