"""Installing packages while somebody else does."""

from pathlib import Path

import pytest

from localcluster.host import apt
from localcluster.shell import CommandFailed

FAKE = """#!/bin/sh
echo "$@" >> {log}
if [ -e {locks} ] && [ "$(cat {locks})" -gt 0 ]; then
    echo $(( $(cat {locks}) - 1 )) > {locks}
    echo "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)" >&2
    echo "E: Unable to lock directory /var/lib/apt/lists/" >&2
    exit 100
fi
case "$*" in *no-such*) echo "E: Unable to locate package no-such" >&2; exit 100;; esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an apt-get that fails as often as the file `locks` says, and writes what it is told to `log`."""
    program = tmp_path / "apt-get"
    program.write_text(FAKE.format(log=tmp_path / "log", locks=tmp_path / "locks"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(apt, "PAUSE_SECONDS", 0.01)
    return tmp_path


def test_it_waits_for_another_apt(machine: Path) -> None:
    (machine / "locks").write_text("3")
    apt.install(["runc"])
    told = [line.split("-q -y ")[1] for line in (machine / "log").read_text().splitlines()]
    assert told == ["update"] * 4 + ["install --no-install-recommends runc"]


def test_its_patience_ends(machine: Path) -> None:
    (machine / "locks").write_text("1000")
    with pytest.raises(CommandFailed, match="held by process 7"):
        apt.install(["runc"], patience=0.05)


def test_another_failure_is_told_at_once(machine: Path) -> None:
    with pytest.raises(CommandFailed, match="Unable to locate package no-such"):
        apt.install(["no-such"])
    assert len((machine / "log").read_text().splitlines()) == 2
