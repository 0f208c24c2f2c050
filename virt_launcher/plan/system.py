"""`<sysinfo>`: what the guest reads in its SMBIOS tables."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from api.firmware_clock import Chassis
from virt_launcher.plan.given import Given
from virt_launcher.plan.tree import element


def sysinfo(given: Given) -> Element:
    """System strings of the cluster with the identity of this guest, and the chassis if one is described."""
    spec = given.guest.spec.domain
    identity, cluster = spec.firmware, given.smbios
    system = _block(
        "system",
        uuid=identity.uuid if identity else "",
        serial=identity.serial if identity else "",
        manufacturer=cluster.manufacturer,
        family=cluster.family,
        product=cluster.product,
        sku=cluster.sku,
        version=cluster.version,
    )
    return element("sysinfo", system, _chassis(spec.chassis) if spec.chassis else None, type_="smbios")


def _chassis(case: Chassis) -> Element | None:
    """None for a chassis of which nothing is said."""
    block = _block(
        "chassis",
        manufacturer=case.manufacturer,
        version=case.version,
        serial=case.serial,
        asset=case.asset,
        sku=case.sku,
    )
    return block if len(block) else None


def _block(tag: str, **entries: str) -> Element:
    return element(tag, (element("entry", text, name=name) for name, text in entries.items() if text))
