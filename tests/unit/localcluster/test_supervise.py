"""The supervisor of a node: gates, restarts, an orderly end."""

import time
from pathlib import Path

import pytest

from localcluster.node import supervise
from localcluster.waiting import wait_for


class OpenGates(supervise.Gates):
    """Gates that open by name."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    def all_open(self, names: list[str]) -> bool:
        return self.names >= set(names)


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(supervise, "LOGS", str(tmp_path))
    monkeypatch.setattr(supervise, "BACK_OFF_SECONDS", 0.01)
    return tmp_path


def _component(script: str, after: list[str] | None = None) -> supervise.Supervised:
    return supervise.Supervised({"name": "c", "argv": ["sh", "-c", script], "after": after or []})


def _says(component: supervise.Supervised, gates: supervise.Gates, log: Path, text: str) -> bool:
    component.tend(gates)
    return log.exists() and text in log.read_text()


def test_a_component_waits_for_its_gate(logs: Path) -> None:
    component, gates = _component("echo hello", ["api"]), OpenGates()
    component.tend(gates)
    assert not (logs / "c.log").exists()
    gates.names.add("api")
    wait_for("its word", lambda: _says(component, gates, logs / "c.log", "hello"), seconds=10, mend="")


def test_what_ends_is_started_again(logs: Path) -> None:
    component = _component("echo hello")
    twice = "hello\nhello\n"
    wait_for("two starts", lambda: _says(component, OpenGates(), logs / "c.log", twice), seconds=10, mend="")


def test_a_component_that_will_not_end_is_ended(logs: Path) -> None:
    component = _component("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    wait_for("its start", lambda: _says(component, OpenGates(), logs / "c.log", "ready"), seconds=10, mend="")
    component.ask_to_end()
    began = time.monotonic()
    component.wait_for_end(began + 0.3)
    assert 0.2 < time.monotonic() - began < 5


def test_a_long_log_is_set_aside(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "LOG_BYTES", 10)
    (logs / "c.log").write_text("x" * 100)
    component = _component("echo new")
    wait_for("its word", lambda: _says(component, OpenGates(), logs / "c.log", "new"), seconds=10, mend="")
    assert (logs / "c.log.1").read_text() == "x" * 100
    assert "x" not in (logs / "c.log").read_text()
