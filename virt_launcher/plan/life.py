"""When the launcher acts on its own: it waits for a domain, outlives it a little, and obeys the pod's stop.

virt-handler drives the guest. These rules hold where it does not come: a pod whose domain never arrives ends, a pod
that is being stopped presses the guest's power button itself, and nothing outlives the guest for long.
"""

from __future__ import annotations

import enum

import msgspec

SEEN_BY_HANDLER_SECONDS = 15.0
"""How long the final state is kept for a handler that is away."""
MOVED_SECONDS = 600.0
"""The same of a guest that has moved: nobody else knows that it ended here, and the target waits for that word."""
PUT_AWAY_SECONDS = 2.0
"""libvirt has so long to put away what it had of a guest that has moved, and to tell what the migration took."""
PRESS_AGAIN_SECONDS = 5.0
"""A guest that is still booting misses the power button: it is pressed again."""
KILL_MARGIN_SECONDS = 5.0
"""The guest is killed this long before the grace period of the process ends, so that its end is still reported."""
SETTLE_SECONDS = 3.0
"""After this long the handler has asked what it asks after a start."""
EXIT_STOPPED = 143
"""Exit code of a launcher that was stopped before it ran a guest: 128 + SIGTERM."""
EXIT_NO_DOMAIN = 1


class Stage(enum.Enum):
    """How far the one domain of this launcher has come."""

    AWAITED = "awaited"
    ALIVE = "alive"
    ENDED = "ended"


class Arrival(enum.Enum):
    """Whether the awaited domain comes from another node."""

    NONE = "none"
    UNDER_WAY = "under way"
    COMPLETE = "complete"
    """It stands here, paused, and may have ended where it came from: this copy can be the only one."""


class Action(enum.Enum):
    """What to do now."""

    WAIT = "wait"
    PRESS = "press"
    """The power button."""
    KILL = "kill"
    TRIM = "trim"
    """Give memory back: the start needed more than the rest of the life will."""
    EXIT = "exit"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What the decision depends on. Moments are monotonic seconds."""

    stage: Stage = Stage.AWAITED
    started: float
    domain_timeout: float
    """Seconds to wait for the first Sync."""
    grace: float
    """Seconds between SIGTERM and SIGKILL by the kubelet."""
    alive: float = 0.0
    """When the domain ran."""
    trimmed: bool = False
    ended: float = 0.0
    moved: bool = False
    """It ended here because it goes on elsewhere."""
    leaving: bool = False
    """libvirt has not done with the migration yet."""
    arrival: Arrival = Arrival.NONE
    released: bool = False
    """The handler has seen the end, or has said that there shall be no domain."""
    stopped: float | None = None
    """When SIGTERM came."""
    pressed: float | None = None
    """When the button was last pressed by us."""
    killed: bool = False


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An action, and in how many seconds to ask again at the latest."""

    action: Action = Action.WAIT
    again_in: float | None = None
    code: int = 0
    why: str = ""


def step(life: Life, now: float) -> Step:
    """The next thing to do."""
    match life.stage:
        case Stage.AWAITED:
            return _awaited(life, now)
        case Stage.ALIVE:
            return _alive(life, now)
        case Stage.ENDED:
            return _ended(life, now)


def _awaited(life: Life, now: float) -> Step:
    if life.released:
        return Step(action=Action.EXIT, why="virt-handler wants no guest here")
    if life.stopped is not None:
        return _awaited_and_stopped(life, life.stopped, now)
    if life.arrival is not Arrival.NONE:
        return Step()
    left = life.started + life.domain_timeout - now
    if left <= 0:
        why = f"no domain within {life.domain_timeout:.0f} s: is virt-handler running on this node?"
        return Step(action=Action.EXIT, code=EXIT_NO_DOMAIN, why=why)
    return Step(again_in=left)


def _awaited_and_stopped(life: Life, stopped: float, now: float) -> Step:
    """A guest that is here whole is kept for the handler, who may take it over to shut it down, while there is time."""
    left = stopped + max(life.grace - KILL_MARGIN_SECONDS, 0.0) - now
    if life.arrival is Arrival.COMPLETE and left > 0:
        return Step(again_in=left)
    return Step(action=Action.EXIT, code=EXIT_STOPPED, why="stopped before there was a guest")


def _alive(life: Life, now: float) -> Step:
    if life.stopped is None or life.killed:
        settle_in = life.alive + SETTLE_SECONDS - now
        if life.trimmed:
            return Step()
        return Step(again_in=settle_in) if settle_in > 0 else Step(action=Action.TRIM)
    kill_in = life.stopped + max(life.grace - KILL_MARGIN_SECONDS, 0.0) - now
    if kill_in <= 0:
        return Step(action=Action.KILL, why="the grace period is over")
    press_in = 0.0 if life.pressed is None else life.pressed + PRESS_AGAIN_SECONDS - now
    if press_in <= 0:
        return Step(action=Action.PRESS, why="the pod is being stopped")
    return Step(again_in=min(kill_in, press_in))


def _ended(life: Life, now: float) -> Step:
    left = life.ended + (MOVED_SECONDS if life.moved else SEEN_BY_HANDLER_SECONDS) - now
    put_away = life.ended + PUT_AWAY_SECONDS - now if life.leaving else 0.0
    if left <= 0 or (life.released and put_away <= 0):
        return Step(action=Action.EXIT, why="the guest has ended")
    return Step(again_in=put_away if life.released else left)
