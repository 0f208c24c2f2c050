"""When the guest agent is asked what: at once when it appears, then less and less often.

A guest that comes up changes: its address is looked for every two seconds until it has one. Frozen file systems are
watched, because whoever froze them waits for them. What only metrics show is asked once for each who looks at them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Topic(StrEnum):
    """What is asked; the agent's command."""

    INFO = "guest-info"
    OS = "guest-get-osinfo"
    NICS = "guest-network-get-interfaces"
    FREEZE = "guest-fsfreeze-status"
    ACCESS = "access"
    """No question: keys and passwords are set that have changed."""
    FILE_SYSTEMS = "guest-get-fsinfo"
    LOAD = "guest-get-load"


ON_DEMAND: Final = (Topic.FILE_SYSTEMS, Topic.LOAD)
FIRST: Final = 10.0
LONGEST: Final[Mapping[Topic, float]] = {
    Topic.INFO: 300.0,
    Topic.OS: 120.0,
    Topic.NICS: 120.0,
    Topic.FREEZE: 120.0,
    Topic.ACCESS: FIRST,
}
"""Seconds between two questions: FIRST, doubled up to this."""
ADDRESSLESS: Final = 2.0
FROZEN: Final = 5.0


class Polls(msgspec.Struct, frozen=True):
    """When each topic is asked next (seconds of a monotonic clock), and how long the wait after that is."""

    due: Mapping[Topic, float] = {}
    wait: Mapping[Topic, float] = {}

    @classmethod
    def begin(cls, now: float, topics: Iterable[Topic]) -> Polls:
        """The agent has appeared: all `topics` are due, and others never."""
        due = dict.fromkeys(topics, now)
        return cls(due=due, wait=dict.fromkeys(due, FIRST))

    def next(self) -> tuple[Topic, float]:
        """What is asked next, and when."""
        topic = min(self.due, key=lambda each: self.due[each])
        return topic, self.due[topic]

    def wanted(self, now: float) -> Polls:
        """Somebody wants to know what is asked on demand."""
        return Polls(due={**self.due, **dict.fromkeys(ON_DEMAND, now)}, wait=self.wait)

    def asked(self, topic: Topic, now: float, *, soon: float | None = None) -> Polls:
        """`topic` was asked; `soon`: its answer was such that it is asked again after so many seconds."""
        if topic in ON_DEMAND:
            return Polls(due={each: at for each, at in self.due.items() if each is not topic}, wait=self.wait)
        wait = min(self.wait[topic], LONGEST[topic])
        due = {**self.due, topic: now + (wait if soon is None else soon)}
        return Polls(due=due, wait=self.wait if soon is not None else {**self.wait, topic: wait * 2})
