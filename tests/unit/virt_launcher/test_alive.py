"""The lock that says that a launcher lives, and the one who reads it: virt-tail."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from virt_launcher.adapters import alive

VIRT_TAIL = Path(__file__).parents[3] / "virt_launcher" / "bin" / "virt-tail"


def test_a_second_launcher_does_not_get_the_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "uid" / "alive")
    lock = alive.hold(path)
    with pytest.raises(BlockingIOError):
        alive.hold(path)
    os.close(lock)
    os.close(alive.hold(path))


@pytest.mark.skipif(shutil.which("flock") is None, reason="no flock here")
def test_virt_tail_prints_all_and_ends_with_the_launcher(tmp_path: Path) -> None:
    log = tmp_path / "virt-serial0-log"
    lock = alive.hold(str(tmp_path / "alive"))
    log.write_text("first\n")
    tail = subprocess.Popen([VIRT_TAIL, "--logfile", str(log)], stdout=subprocess.PIPE, text=True)
    try:
        assert tail.stdout is not None
        assert tail.stdout.readline() == "first\n"
        with log.open("a") as file:
            file.write("last words\n")
        os.close(lock)
        assert tail.communicate(timeout=60)[0] == "last words\n"
    finally:
        tail.kill()
    assert tail.returncode == 0


def test_virt_tail_without_a_file_says_so() -> None:
    done = subprocess.run([VIRT_TAIL], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--logfile" in done.stderr
