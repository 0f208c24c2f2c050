"""What can be asked of the launcher about the guest's agent: the part of its service that is not about its life."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

from virt_ipc.agent import ExecReply, ExecRequest, FreezeRequest, GuestInfo, PingRequest
from virt_ipc.messages import Empty


class Agent(Protocol):
    """What a GuestAgent does; see `adapters.guest_agent`. Each may raise LauncherRefused."""

    def ping(self, seconds: float) -> None: ...
    def info(self) -> GuestInfo: ...
    def freeze(self, unfreeze_after: float) -> None: ...
    def unfreeze(self) -> None: ...
    def unfreeze_after(self, seconds: float) -> None: ...
    def run(self, request: ExecRequest) -> ExecReply: ...


class AgentCalls(ABC):
    """Methods of a LauncherService (see `virt_ipc.server`)."""

    @abstractmethod
    def _agent(self) -> Agent:
        """Raises LauncherRefused while no guest runs."""

    def guest_info(self, request: Empty) -> GuestInfo:
        """All that the guest agent tells."""
        return self._agent().info()

    def freeze(self, request: FreezeRequest) -> Empty:
        """Let the guest's file systems take no writes."""
        self._agent().freeze(request.unfreeze_after)
        return Empty()

    def unfreeze(self, request: Empty) -> Empty:
        """Let them take writes again."""
        self._agent().unfreeze()
        return Empty()

    def guest_ping(self, request: PingRequest) -> Empty:
        """Does the guest agent answer?"""
        self._agent().ping(request.timeout)
        return Empty()

    def guest_exec(self, request: ExecRequest) -> ExecReply:
        """Run a program in the guest."""
        return self._agent().run(request)
