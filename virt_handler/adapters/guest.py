"""What the agent holds of one VMI between two looks at it: connection, network, and what it has done so far."""

from __future__ import annotations

from typing import Any, Protocol

from virt_handler.adapters.pod_wiring import PodWiring
from virt_handler.adapters.session import Session
from virt_handler.plan.domain import Domain, Stage
from virt_handler.plan.steps import Network, Relay

Json = dict[str, Any]
NOT_OURS = (Stage.WAITING, Stage.ARRIVING, Stage.SWITCHED, Stage.FETCHING, Stage.RECEIVED)
"""Stages of a migration in which the guest is not, or not any more, the launcher's own."""
FIRST_RETRY, LONGEST_RETRY = 2.0, 30.0
FIRST_RESUME_WAIT, LONGEST_RESUME_WAIT = 5.0, 180.0


class OpenEnd(Protocol):
    """This node's end of the way that a migration takes."""

    state: Relay

    async def close(self) -> None: ...


class Guest:
    """Mutable, owned by the agent; one per VMI UID, touched by one worker at a time. It is about one launcher pod."""

    def __init__(self, uid: str, pod_uid: str = "", latest: Json | None = None) -> None:
        self.uid = uid
        self.pod_uid = pod_uid
        self.latest = latest
        """The newest VMI that an answer of the API showed us; the watch may be behind it."""
        self.proven_gone = False
        self.session: Session | None = None
        self.last_domain: Domain | None = None
        """The last report of a session that is lost."""
        self.wiring: PodWiring | None = None
        self.network_broken = False
        self.problem = ""
        self.retry_at = 0.0
        self.dead_since: float | None = None
        self.unanswered_since: float | None = None
        self.stopping_since: float | None = None
        self.signalled_at: float | None = None
        self.killed = False
        self.dismissed = False
        self.resume_at = 0.0
        self.wound_until = 0.0
        """Its watchdog lets it run so long, as far as we have wound it up."""
        self.relay: OpenEnd | None = None
        self._failures = 0
        self._resumes = 0

    @property
    def domain(self) -> Domain | None:
        return self.session.domain if self.session is not None else self.last_domain

    @property
    def guarded(self) -> bool:
        """Whether there is a watchdog to be wound up."""
        domain = self.session.domain if self.session is not None and not self.session.lost else None
        return domain is not None and domain.guarded and not domain.over

    @property
    def runs_here(self) -> bool:
        """Whether what the launcher here runs is the guest, not one that has come and waits for its turn."""
        migration = self.domain.migration if self.domain is not None else None
        return migration is None or migration.stage not in NOT_OURS

    @property
    def network(self) -> Network:
        if self.network_broken:
            return Network.BROKEN
        return Network.READY if self.wiring is not None else Network.NONE

    def answered(self, whether: bool, now: float) -> None:
        """The launcher has, or has not, answered what it always can."""
        if whether:
            self.unanswered_since = None
        elif self.unanswered_since is None:
            self.unanswered_since = now

    def failed(self, problem: str, now: float) -> float:
        """Remember a step that did not work; gives the wait before it may be tried again."""
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2.0**self._failures)
        self._failures += 1
        self.problem, self.retry_at = problem, now + wait
        return wait

    def resumed(self, now: float) -> None:
        """An attempt to go on after an I/O error; the next one waits longer, unless this one lasted."""
        if now - self.resume_at > LONGEST_RESUME_WAIT:
            self._resumes = 0
        self.resume_at = now + min(LONGEST_RESUME_WAIT, FIRST_RESUME_WAIT * 2.0**self._resumes)
        self._resumes += 1

    def worked(self) -> None:
        self.problem, self.retry_at, self._failures = "", 0.0, 0

    async def disconnect(self) -> None:
        if self.session is not None:
            self.last_domain = self.session.domain or self.last_domain
            session, self.session = self.session, None
            await session.close()

    async def close(self) -> None:
        await self.disconnect()
        if self.wiring is not None:
            self.wiring.close()
            self.wiring = None
        await self.close_relay()

    async def close_relay(self) -> None:
        if self.relay is not None:
            relay, self.relay = self.relay, None
            await relay.close()
