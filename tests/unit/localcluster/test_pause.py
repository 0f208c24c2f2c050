"""The hand-made pause program runs, waits, and as the init of a namespace lets nobody stay a zombie."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from localcluster.programs.pause import program
from localcluster.waiting import wait_for


@pytest.fixture
def pause(tmp_path: Path) -> Path:
    place = tmp_path / "pause"
    place.write_bytes(program())
    place.chmod(0o755)
    return place


def _ignored(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)


def test_it_waits_with_its_children_disowned(pause: Path) -> None:
    process = subprocess.Popen([pause])
    try:
        mask = 1 << (signal.SIGCHLD - 1)
        wait_for("SIGCHLD to be ignored", lambda: _ignored(process.pid) & mask, seconds=10, mend="")
        assert process.poll() is None
    finally:
        process.terminate()
    assert process.wait(10) == -signal.SIGTERM


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_as_init_it_reaps_orphans(pause: Path) -> None:
    """A shell leaves an orphan to the init of the namespace and looks whether it stays as a zombie."""
    outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", str(pause)])
    try:
        inner = wait_for("the init", lambda: _child(outer.pid), seconds=10, mend="")
        enter = ["nsenter", "-t", str(inner), "-p", "-m", "sh", "-c"]
        subprocess.run([*enter, "(sleep 0.1 &)"], check=True, timeout=10)

        def no_zombie_and_no_sleeper() -> bool:
            listing = "cat /proc/[0-9]*/stat"
            seen = subprocess.run([*enter, listing], capture_output=True, text=True, check=False, timeout=10).stdout
            return "(sleep)" not in seen and ") Z " not in seen and "(pause)" in seen

        assert wait_for("the orphan to be gone", no_zombie_and_no_sleeper, seconds=10, mend="")
    finally:
        outer.kill()
        outer.wait()


def _child(parent: int) -> int | None:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(rest.split()[1]) == parent and name.endswith("(pause"):
            return int(stat.parent.name)
    return None
