"""`<memory>` and `<maxMemory>`."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.quantity import quantity_bytes
from virt_launcher.plan.given import Given
from virt_launcher.plan.guest import Guest
from virt_launcher.plan.refusal import CannotBuild
from virt_launcher.plan.tree import element


def most_bytes(guest: Guest) -> int:
    """The size up to which memory can be plugged in; the size at boot where none can."""
    memory = guest.spec.domain.memory
    return max(guest.memory_bytes, quantity_bytes(memory.max_guest or 0) if memory else 0)


def grows(guest: Guest) -> bool:
    """The guest may get more memory than it boots with."""
    return most_bytes(guest) != guest.memory_bytes


def memory(given: Given) -> list[Element]:
    """How much memory, and how much at most. Raises CannotBuild when the VMI does not say."""
    guest = given.guest
    size = guest.memory_bytes
    if size <= 0:
        raise CannotBuild("the VMI does not say how much memory its guest has: set spec.domain.memory.guest")
    parts = [element("memory", str(size), unit="b")]
    if grows(guest):
        parts.insert(0, element("maxMemory", str(most_bytes(guest)), unit="b"))
    return parts
