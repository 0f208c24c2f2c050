"""What virt-api may have done to a guest of this node, or ask of it. An Event tells of what was done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from virt_handler.adapters.guest_answers import ANSWERS
from virt_ipc.agent import FreezeRequest
from virt_ipc.client import LauncherClient
from virt_ipc.errors import IpcError
from virt_runtime.events import EventRecorder

Json = dict[str, Any]
Query = Mapping[str, str]
Find = Callable[[str], tuple[Json, LauncherClient] | None]
MAX_FREEZE = 86400.0


class ActionFailed(Exception):
    """The message is for the caller."""


class _Action(NamedTuple):
    call: Callable[[LauncherClient, Query], Awaitable[None]]
    name: str
    """In errors."""
    event: tuple[str, str] | None = None
    """Reason and message."""


def _plain(call: Callable[[LauncherClient], Awaitable[None]]) -> Callable[[LauncherClient, Query], Awaitable[None]]:
    """A call about which nothing more is said."""

    async def plain(launcher: LauncherClient, _query: Query) -> None:
        await call(launcher)

    return plain


async def _freeze(launcher: LauncherClient, query: Query) -> None:
    try:
        seconds = min(max(float(query.get("unfreezeAfter") or 0), 0.0), MAX_FREEZE)
    except ValueError:
        seconds = 0.0
    await launcher.freeze(FreezeRequest(unfreeze_after=seconds))


_ACTIONS: dict[str, _Action] = {
    "pause": _Action(_plain(LauncherClient.pause), "Pause", ("Paused", "VirtualMachineInstance paused")),
    "unpause": _Action(_plain(LauncherClient.unpause), "Unpause", ("Unpaused", "VirtualMachineInstance unpaused")),
    "reset": _Action(_plain(LauncherClient.reset), "Reset", ("Reset", "VirtualMachineInstance reset")),
    "softreboot": _Action(
        _plain(LauncherClient.soft_reboot), "SoftReboot", ("SoftRebooted", "VirtualMachineInstance soft rebooted")
    ),
    "freeze": _Action(_freeze, "Freeze"),
    "unfreeze": _Action(_plain(LauncherClient.unfreeze), "Unfreeze"),
}
"""By name in the URL."""
NAMES = tuple(_ACTIONS)


class GuestActions:
    """`find(uid)` gives the VMI and the launcher of a guest that runs here."""

    def __init__(self, find: Find, recorder: EventRecorder) -> None:
        self._find, self._recorder = find, recorder

    async def do(self, uid: str, name: str, query: Query) -> None:
        """Raises ActionFailed."""
        vmi, launcher = self._guest(uid)
        action = _ACTIONS[name]
        try:
            await action.call(launcher, query)
        except IpcError as error:
            raise ActionFailed(f'server error. command {action.name} failed: "{error}"') from error
        if action.event is not None:
            self._recorder.emit(vmi, "Normal", *action.event)

    async def ask(self, uid: str, name: str) -> Json:
        """What the guest's agent says, as the object that is called `name`. Raises ActionFailed."""
        _, launcher = self._guest(uid)
        try:
            return ANSWERS[name](await launcher.guest_info())
        except IpcError as error:
            raise ActionFailed(f"the guest agent cannot be asked: {error}") from error

    def _guest(self, uid: str) -> tuple[Json, LauncherClient]:
        found = self._find(uid)
        if found is None:
            raise ActionFailed("no launcher of a running guest is connected")
        return found
