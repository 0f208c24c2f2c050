"""What virt-api may have done to a guest of this node, each told by an Event once it is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError
from virt_runtime.events import EventRecorder

Json = dict[str, Any]
Find = Callable[[str], tuple[Json, LauncherClient] | None]


class ActionFailed(Exception):
    """The message is for the caller."""


_ACTIONS: dict[str, tuple[Callable[[LauncherClient], Awaitable[None]], str, str, str]] = {
    "pause": (LauncherClient.pause, "Pause", "Paused", "VirtualMachineInstance paused"),
    "unpause": (LauncherClient.unpause, "Unpause", "Unpaused", "VirtualMachineInstance unpaused"),
    "reset": (LauncherClient.reset, "Reset", "Reset", "VirtualMachineInstance reset"),
    "softreboot": (LauncherClient.soft_reboot, "SoftReboot", "SoftRebooted", "VirtualMachineInstance soft rebooted"),
}
"""By name in the URL: the call, its name in errors, the Event's reason and message."""
NAMES = tuple(_ACTIONS)


class GuestActions:
    """`find(uid)` gives the VMI and the launcher of a guest that runs here."""

    def __init__(self, find: Find, recorder: EventRecorder) -> None:
        self._find, self._recorder = find, recorder

    async def do(self, uid: str, action: str) -> None:
        """Raises ActionFailed."""
        found = self._find(uid)
        if found is None:
            raise ActionFailed("no launcher of a running guest is connected")
        vmi, launcher = found
        call, name, reason, message = _ACTIONS[action]
        try:
            await call(launcher)
        except IpcError as error:
            raise ActionFailed(f'server error. command {name} failed: "{error}"') from error
        self._recorder.emit(vmi, "Normal", reason, message)
