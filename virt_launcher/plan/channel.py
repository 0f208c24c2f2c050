"""`<channel>`: the guest agent's port, always there; whether somebody answers is seen when it opens."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from virt_launcher.plan.tree import element

GUEST_AGENT = "org.qemu.guest_agent.0"


def agent_channel() -> Element:
    """A virtio-serial port of the agent's well-known name."""
    return element("channel", element("target", type_="virtio", name=GUEST_AGENT), type_="unix")
