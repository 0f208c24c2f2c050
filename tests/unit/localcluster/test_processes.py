"""A process is told apart from a later one with its number."""

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from localcluster.host.processes import alive, first_child, identify, send
from localcluster.waiting import wait_for


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sh", "-c", "sleep 60 & wait"])
    yield process
    process.kill()
    process.wait()


def test_a_living_process_is_known_and_a_dead_one_is_not(sleeper: "subprocess.Popen[bytes]") -> None:
    known = identify(sleeper.pid)
    assert alive(known)
    sleeper.kill()
    wait_for("its end", lambda: not alive(known), seconds=10, mend="")
    assert sleeper.poll() is not None or identify(sleeper.pid) is None


def test_a_zombie_is_dead(sleeper: "subprocess.Popen[bytes]") -> None:
    known = identify(sleeper.pid)
    send(known, signal.SIGKILL)
    wait_for("its end", lambda: not alive(known), seconds=10, mend="")


def test_a_reused_number_is_never_signalled(sleeper: "subprocess.Popen[bytes]") -> None:
    known = identify(sleeper.pid)
    assert known is not None
    send(replace(known, started=known.started - 1), signal.SIGKILL)
    send(replace(known, boot="another"), signal.SIGKILL)
    with pytest.raises(subprocess.TimeoutExpired):
        sleeper.wait(0.2)
    assert alive(known)


def test_signalling_nobody_is_fine() -> None:
    send(None, signal.SIGKILL)
    assert not alive(None)


def test_a_child_is_found(sleeper: "subprocess.Popen[bytes]") -> None:
    child = wait_for("a child", lambda: first_child(sleeper.pid), seconds=10, mend="")
    assert identify(child) is not None and child != sleeper.pid


def test_waiting_ends_with_what_was_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(Exception, match=r"rain did not happen within 0 s; dance"):
        wait_for("rain", lambda: None, seconds=0.1, mend="dance")
    assert time.monotonic() - began < 5
