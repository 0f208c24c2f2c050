"""Where a migration's connections begin and end inside the two pods, which of them are known by a number, and the
interface that they take between the nodes' agents. Pure.
"""

from __future__ import annotations

from typing import Final

LOOPBACK: Final = "127.0.0.2"
"""Of both pods. Not 127.0.0.1: under masquerade what is sent there goes to the guest."""
LIBVIRT: Final = 0
"""The channel that leads to the target's libvirtd; it has no port there."""
MEMORY: Final = 49152
DISKS: Final = 49153
INTERFACE: Final = "migration0"
"""Of the agents' pods, where migrations have a network of their own."""
