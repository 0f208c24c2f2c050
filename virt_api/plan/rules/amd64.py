"""What an amd64 guest can have: video, watchdog, panic devices, Hyper-V enlightenments that stand on each other.

Asked of a VMI alone: a template may become one of another architecture. The defaults switch on what an enlightenment
needs, so that only what somebody switched off himself is in the way.
"""

from __future__ import annotations

from virt_api.plan.causes import NOT_SUPPORTED
from virt_api.plan.defaults.features import NEEDS
from virt_api.plan.reading import flag, has, numbered, text
from virt_api.plan.rule import Offences, Rule, Subject, once

WATCHDOG_ACTIONS = ("poweroff", "reset", "shutdown")
PANIC_MODELS = ("hyperv", "isa", "pvpanic")
VIDEO_TYPES = ("vga", "cirrus", "virtio", "ramfb", "bochs")


def _on_amd64(subject: Subject) -> bool:
    return text(subject.spec, "architecture") == "amd64"


def _unknown_video(subject: Subject) -> Offences:
    kind = text(subject.spec, "domain", "devices", "video", "type")
    if _on_amd64(subject) and has(subject.spec, "domain", "devices", "video") and kind not in VIDEO_TYPES:
        yield {"kind": kind}


def _foreign_watchdog(subject: Subject) -> Offences:
    dog = ("domain", "devices", "watchdog")
    fits = has(subject.spec, *dog, "i6300esb") and not has(subject.spec, *dog, "diag288")
    return once(when=_on_amd64(subject) and has(subject.spec, *dog) and not fits)


def _unknown_watchdog_action(subject: Subject) -> Offences:
    action = text(subject.spec, "domain", "devices", "watchdog", "i6300esb", "action")
    if _on_amd64(subject) and action and action not in WATCHDOG_ACTIONS:
        yield {"action": action}


def _unknown_panic_model(subject: Subject) -> Offences:
    for index, device in numbered(subject.spec, "domain", "devices", "panicDevices"):
        model = text(device, "model")
        if model and model not in PANIC_MODELS:
            yield {"index": index, "model": model}


def _groundless(subject: Subject) -> Offences:
    hyperv = ("domain", "features", "hyperv")
    for feature, need in NEEDS:
        if flag(subject.spec, *hyperv, feature, "enabled") and not flag(subject.spec, *hyperv, need, "enabled"):
            yield {"feature": feature, "need": need}


def _timers_without_clock(subject: Subject) -> Offences:
    timers = flag(subject.spec, "domain", "features", "hyperv", "synictimer", "enabled")
    passed_through = flag(subject.spec, "domain", "features", "hypervPassthrough", "enabled")
    clock = flag(subject.spec, "domain", "clock", "timer", "hyperv", "present")
    return once(when=timers is True and not passed_through and clock is False)


_HYPERV = "{at}.domain.features.hyperv"

AMD64 = (
    Rule(
        _groundless,
        _HYPERV + ".{feature}",
        f"'{_HYPERV}.{{feature}}' requires '{_HYPERV}.{{need}}', which was disabled.",
    ),
    Rule(
        _timers_without_clock,
        _HYPERV + ".synictimer",
        f"'{_HYPERV}.synictimer' requires '{{at}}.domain.clock.timer.hyperv', which was disabled.",
    ),
    Rule(
        _foreign_watchdog,
        "{at}.domain.devices.watchdog",
        "amd64 only supports I6300ESB watchdog device",
        NOT_SUPPORTED,
    ),
    Rule(
        _unknown_watchdog_action,
        "{at}.domain.devices.watchdog.i6300esb.action",
        "watchdog action '{action}' is not one of: [poweroff reset shutdown]",
    ),
    Rule(
        _unknown_panic_model,
        "{at}.domain.devices.panicDevices[{index}].model",
        "invalid PanicDeviceModel({model})",
    ),
    Rule(
        _unknown_video,
        "{at}.domain.devices.video.type",
        "video model '{kind}' is not supported on amd64 architecture",
        NOT_SUPPORTED,
    ),
)
