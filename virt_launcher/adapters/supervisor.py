"""The main thread's loop: sleep until something happens, decide by `plan.life`, do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from virt_ipc.errors import LauncherRefused
from virt_ipc.messages import Empty
from virt_launcher.adapters.bell import Bell
from virt_launcher.adapters.log import log, warn
from virt_launcher.adapters.logs import LOOK_SECONDS, bound
from virt_launcher.adapters.memory import give_back
from virt_launcher.adapters.service import Launcher
from virt_launcher.plan.life import Action, step


def supervise(launcher: Launcher, bell: Bell, logs: Sequence[str] = ()) -> int:
    """Until the launcher's life is over, keeping `logs` small meanwhile; returns the exit code."""
    while True:
        if bell.stopped and launcher.life.stopped is None:
            launcher.note(stopped=time.monotonic())
            launcher.mark_for_graceful_shutdown()
        now = time.monotonic()
        todo = step(launcher.life, now)
        match todo.action:
            case Action.EXIT:
                log(f"exit with {todo.code}: {todo.why}")
                return todo.code
            case Action.PRESS:
                launcher.note(pressed=now)
                _try(launcher.shutdown)
            case Action.KILL:
                launcher.note(killed=True)
                warn(f"kill the guest: {todo.why}")
                _try(launcher.kill)
            case Action.TRIM:
                launcher.note(trimmed=True)
                give_back()
            case Action.WAIT:
                bound(logs)
                bell.wait(LOOK_SECONDS if todo.again_in is None else min(todo.again_in, LOOK_SECONDS))


def _try(act: Callable[[Empty], Empty]) -> None:
    try:
        act(Empty())
    except LauncherRefused as refusal:
        warn(str(refusal))
