"""What the service needs of the hypervisor, and what a VMI becomes for it: so that it can be tried without libvirt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from api.access import AccessCredential
from virt_ipc.messages import DomainReport, DomainStats, SyncRequest
from virt_launcher.adapters.agent_calls import Agent
from virt_launcher.adapters.moves import Mover
from virt_model import names


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What a VMI becomes here."""

    xml: str
    """libvirt's domain."""
    paused: bool = False
    """It starts paused."""
    credentials: tuple[AccessCredential, ...] = ()
    """Keys and passwords that its agent is to set, among others."""


class Builder(Protocol):
    """From a request to libvirt's XML; prepares the files on the way. Raises LauncherRefused."""

    def __call__(self, request: SyncRequest) -> Built: ...


class Machine(Mover, Protocol):
    """What a Hypervisor does; see `adapters.hypervisor`."""

    def create(self, xml: str, *, paused: bool) -> DomainReport: ...
    def shutdown(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def reset(self) -> None: ...
    def soft_reboot(self) -> None: ...
    def stats(self) -> DomainStats: ...
    def answer(self) -> None: ...
    def agent(self) -> Agent: ...
    def let_in(self, credentials: Sequence[AccessCredential]) -> None: ...


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Which VMI this launcher was started for."""

    name: str
    namespace: str
    uid: str

    @property
    def domain(self) -> str:
        """The name of the libvirt domain."""
        return names.domain_name(self.namespace, self.name)
