"""The watchdog as the kernel sees it: in a PID namespace of its own, where it may kill whatever it likes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.waiting import until
from virt_ipc.errors import LauncherRefused
from virt_launcher.adapters.watchdog import Watchdog

SCRIPT = Path(__file__).parents[3] / "virt_launcher" / "bin" / "virt-watchdog"
ROOM = ("unshare", "--pid", "--fork", "--kill-child", "busybox", "sh", "-c")
GUEST = 'exec 3<&0; sleep 600 & guest=$!; busybox sh "$0" "$1" <&3 & wait $guest'
"""A room with a guest in it and the watchdog beside it; it ends with the guest."""

in_a_room = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("busybox"),
    reason="needs root, unshare and busybox",
)


def up() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Room:
    """What Popen gives of the room that a Watchdog has opened."""

    def __init__(self, watchdog: Watchdog) -> None:
        process = watchdog._process
        assert process is not None
        self.process = process

    def ended(self) -> bool:
        return self.process.poll() is not None


def program() -> list[str]:
    return [*ROOM, GUEST, str(SCRIPT)]


@in_a_room
async def test_a_guest_ends_at_its_time_and_not_before() -> None:
    watchdog, end = Watchdog(program()), up() + 3
    watchdog.wind(end)
    room = Room(watchdog)
    await until(room.ended, 30)
    assert end - 1 <= up() < end + 5


@in_a_room
async def test_who_is_wound_up_again_runs_on() -> None:
    watchdog, first = Watchdog(program()), up() + 2
    watchdog.wind(first)
    room = Room(watchdog)
    later = first + 3
    watchdog.wind(later)
    watchdog.wind(first)  # an older word shortens nothing
    await until(lambda: up() > first + 1, 30)
    assert not room.ended()
    await until(room.ended, 30)
    assert up() >= later - 1


@in_a_room
async def test_the_end_of_the_launcher_is_the_end_of_the_guest() -> None:
    watchdog = Watchdog(program())
    watchdog.wind(up() + 600)
    room = Room(watchdog)
    assert room.process.stdin is not None
    room.process.stdin.close()
    await until(room.ended, 30)


@pytest.mark.parametrize(("when", "words"), [(lambda: up() - 1, "is over"), (lambda: up() + 60, "cannot be wound up")])
def test_what_cannot_be_promised_is_refused(when: Callable[[], float], words: str) -> None:
    watchdog = Watchdog(["/there/is/no/watchdog"])
    with pytest.raises(LauncherRefused, match=words):
        watchdog.wind(when())
    assert not watchdog.wound
