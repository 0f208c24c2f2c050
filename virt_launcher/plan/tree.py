"""Building XML: one function, so that every element of the domain is written the same way."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element

Child = Element | str | Iterable[Element | None] | None
Value = str | int | None


def element(tag: str, /, *children: Child, **attributes: Value) -> Element:
    """An element. `None` leaves an attribute or a child out; a `_` behind an attribute's name is dropped (`type_`)."""
    node = Element(tag, {name.rstrip("_"): str(value) for name, value in attributes.items() if value is not None})
    for child in children:
        if isinstance(child, str):
            node.text = child
        elif isinstance(child, Element):
            node.append(child)
        elif child is not None:
            node.extend(part for part in child if part is not None)
    return node


def yes_no(value: bool) -> str:
    """libvirt's booleans."""
    return "yes" if value else "no"


def on_off(value: bool) -> str:
    """libvirt's switches."""
    return "on" if value else "off"


def boot_order(order: int | None) -> Element | None:
    """The place of a device in the boot order, if it has one."""
    return None if order is None else element("boot", order=order)
