"""`<panic>`: lets a guest say that its kernel has panicked, and what it said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import msgspec

from virt_launcher.plan.given import Given
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import element

MODELS = ("isa", "hyperv", "pvpanic")
MAX_KIND = 32


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """By the guest, of its panic."""

    kind: str = ""
    arguments: tuple[str, ...] = ()
    """Of `hyper-v`, in hexadecimal."""


def panics(given: Given) -> list[Element]:
    """The devices of the spec; libvirt chooses the model where it has none, and the place. Raises CannotBuild."""
    models = [device.model or "" for device in given.guest.spec.domain.devices.panic_devices]
    for model in models:
        if model and model not in MODELS:
            raise CannotBuild(f"panicDevices: model {model} is not one of {', '.join(MODELS)}")
        if models.count(model) > 1:
            raise CannotBuild(f"panicDevices: there can be one of each model, not two of {model or 'the default one'}")
    return [element("panic", model=model or None) for model in models]


def told(details: str | None) -> Said:
    """From the details of QEMU's event GUEST_PANICKED; only Hyper-V's way says more than that it happened."""
    try:
        said: Any = msgspec.json.decode(details or "{}")
    except msgspec.DecodeError:
        said = {}
    info = said.get("info") if isinstance(said, Mapping) else None
    if not isinstance(info, Mapping):
        return Said()
    numbers = [info.get(f"arg{place}", 0) for place in range(1, 6)]
    known = info.get("type") == "hyper-v" and all(isinstance(each, int) and 0 <= each < 1 << 64 for each in numbers)
    return Said(
        kind=str(info.get("type", ""))[:MAX_KIND], arguments=tuple(hex(each) for each in numbers) if known else ()
    )
