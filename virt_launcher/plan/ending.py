"""Whether a guest that leaves has ended here for good, by QEMU's own word. Pure.

libvirt says so too, but some 0.2 s later: it sends SIGTERM to QEMU and looks again only after that time, and the guest
stands meanwhile. QEMU's events come to us by a connection of our own, in their order, and the kernel keeps what was
written until it is read, even if QEMU is killed. Two of them count:

 RESUME      is written before the first vCPU runs
 MIGRATION   completed: all of the guest has been written, and what runs from now on is not in it

So a QEMU that has exited, and said `completed` and no RESUME after it, has run nothing that its copy does not know.
That it has exited alone proves nothing: libvirt may have let the guest run on after a break, and the copy at the target
would be the past. It must have been told to go, too: one that crashed is left to libvirt.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """What QEMU has said since the guest began to leave."""

    running: bool
    sent: bool = False
    """All of the guest has been written, and it has stood since."""
    told_to_go: bool = False
    """By a signal. libvirt sends it when it has decided that the guest has moved."""
    gone: bool = False
    """The process has exited."""

    @property
    def moved(self) -> bool:
        """It can never run here again, and what was sent is its present."""
        return self.gone and self.told_to_go and self.sent


def heard(ending: Ending, event: str, data: Mapping[str, object]) -> Ending:
    """With one more event of QEMU."""
    replace = msgspec.structs.replace
    match event:
        case "STOP":
            return replace(ending, running=False)
        case "RESUME":
            return replace(ending, running=True, sent=False)
        case "MIGRATION":
            return replace(ending, sent=data.get("status") == "completed" and not ending.running)
        case "SHUTDOWN":
            return replace(ending, told_to_go=data.get("reason") == "host-signal")
    return ending
