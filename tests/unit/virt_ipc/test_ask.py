"""Commands that ask the launcher one question: virt-probe and virt-freezer, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from virt_ipc.agent import AgentCommand, ExecReply, ExecRequest, FreezeRequest, GuestInfo, PingRequest
from virt_ipc.ask import ask
from virt_ipc.errors import LauncherRefused, LauncherUnreachable, ProtocolError
from virt_ipc.messages import DomainReport, Empty
from virt_ipc.server import SOCKET, Newest, serve
from virt_launcher import freezer, probe


class Service:
    """Its agent answers or, where `silent`, does not; every other method is nobody's business here."""

    def __init__(self) -> None:
        self.silent = ""
        self.asked: list[object] = []

    def __getattr__(self, _name: str) -> Any:
        return lambda request: Empty()

    def _take(self, request: object) -> None:
        if self.silent:
            raise LauncherRefused(self.silent)
        self.asked.append(request)

    def guest_info(self, request: Empty) -> GuestInfo:
        self._take(request)
        return GuestInfo(commands=[AgentCommand(name="guest-ping")])

    def guest_ping(self, request: PingRequest) -> Empty:
        self._take(request)
        return Empty()

    def guest_exec(self, request: ExecRequest) -> ExecReply:
        self._take(request)
        return ExecReply(exit_code=7, output="out\n")

    def freeze(self, request: FreezeRequest) -> Empty:
        self._take(request)
        return Empty()

    def unfreeze(self, request: Empty) -> Empty:
        self._take("unfreeze")
        return Empty()


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[tuple[Service, str]]:
    service = Service()
    server = serve(service, Newest(DomainReport()), str(tmp_path))
    yield service, str(tmp_path / SOCKET)
    server.stop(0)


def test_a_probe_ends_as_its_program_did(launcher: tuple[Service, str], capsys: pytest.CaptureFixture[str]) -> None:
    service, path = launcher
    words = ["--socket", path, "--domainName", "ns_a", "--timeoutSeconds", "3"]
    assert probe.main([*words, "--command", "cat", "--", "-n", "/etc/motd"]) == 7
    assert service.asked == [ExecRequest(command="cat", arguments=["-n", "/etc/motd"], timeout=3)]
    assert capsys.readouterr().out == "out\n"
    assert probe.main([*words, "--guestAgentPing"]) == 0
    service.silent = "the guest agent is not connected"
    assert probe.main([*words, "--guestAgentPing"]) == 1
    assert capsys.readouterr().err == "virt-probe: the guest agent is not connected\n"


def test_a_backup_freezes_a_guest_that_has_an_agent(
    launcher: tuple[Service, str], capsys: pytest.CaptureFixture[str]
) -> None:
    service, path = launcher
    words = ["--socket", path, "--name", "a", "--namespace", "ns"]
    assert freezer.main(["--freeze", *words]) == 0
    assert service.asked[-1] == FreezeRequest(unfreeze_after=300)
    assert freezer.main(["--unfreeze", *words]) == 0
    assert service.asked[-1] == "unfreeze"
    service.silent = "the guest agent is not connected"
    assert freezer.main(["--freeze", *words]) == 0
    assert capsys.readouterr().out == "virt-freezer: ns/a is left as it is: the guest agent is not connected\n"


def test_nobody_to_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "nothing")
    with pytest.raises(LauncherUnreachable, match="guest_ping: "):
        ask(path, "guest_ping", PingRequest(), 1)
    assert probe.main(["--socket", path, "--guestAgentPing"]) == 1
    assert freezer.main(["--socket", path, "--freeze"]) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_what_makes_no_sense_is_told_apart(launcher: tuple[Service, str]) -> None:
    with pytest.raises(ProtocolError):
        ask(launcher[1], "guest_exec", Empty(), 5)
