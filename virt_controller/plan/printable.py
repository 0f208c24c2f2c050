"""printableStatus, the one word that `kubectl get vm` shows: a ladder of rules, the first that holds names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from virt_controller.plan import backoff
from virt_controller.plan.strategy import BACKS_OFF, Verb
from virt_model import conditions
from virt_model.conditions import Type
from virt_model.phases import Phase, PrintableStatus, RunStrategy
from virt_model.seen import Vm, Vmi


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What the ladder looks at."""

    vm: Vm
    vmi: Vmi | None
    verb: Verb
    now: float

    @property
    def phase(self) -> Phase | None:
        return self.vmi.phase if self.vmi else None

    @property
    def ended(self) -> bool:
        return self.phase is not None and self.phase.final

    def unsynced(self, reason: str) -> bool:
        return self._false(Type.SYNCHRONIZED, reason)

    def unscheduled(self) -> bool:
        return self._false(Type.POD_SCHEDULED, "Unschedulable")

    def _false(self, type_: str, reason: str) -> bool:
        found = self.vmi.conditions if self.vmi else []
        return conditions.is_false(found, type_) and conditions.reason_of(found, type_) == reason

    @property
    def backing_off(self) -> bool:
        return backoff.seconds_left(self.vm, self.now) > 0


def _stopping(case: Case) -> bool:
    return case.vmi is not None and not case.ended and (case.vmi.deleting or case.verb is Verb.STOP)


def _migrating(case: Case) -> bool:
    migration = (case.vmi.status.get("migrationState") if case.vmi else None) or {}
    return bool(migration.get("startTimestamp")) and not migration.get("completed")


def _unheard(case: Case) -> bool:
    """The guest's node says that the launcher does not answer."""
    return case.vmi is not None and not case.ended and conditions.is_unknown(case.vmi.conditions, Type.SYNCHRONIZED)


def _paused(case: Case) -> bool:
    return case.vmi is not None and not case.ended and conditions.is_true(case.vmi.conditions, Type.PAUSED)


def _starting(case: Case) -> bool:
    if case.vmi is not None:
        return case.vmi.phase.before_scheduled or case.vmi.phase is Phase.SCHEDULED
    return case.verb is Verb.START and not case.backing_off


def _crash_looping(case: Case) -> bool:
    failed = int(case.vm.start_failure.get("consecutiveFailCount") or 0) > 0
    return (case.vmi is None or case.ended) and failed and case.vm.strategy in BACKS_OFF


_S = PrintableStatus
LADDER: Final[tuple[tuple[PrintableStatus, Callable[[Case], bool]], ...]] = (
    (_S.TERMINATING, lambda case: case.vm.deleting),
    (_S.STOPPING, _stopping),
    (_S.MIGRATING, _migrating),
    (_S.UNKNOWN, _unheard),
    (_S.PAUSED, _paused),
    (_S.RUNNING, lambda case: case.phase is Phase.RUNNING),
    (_S.PVC_NOT_FOUND, lambda case: case.unsynced("FailedPvcNotFound")),
    (_S.UNSCHEDULABLE, lambda case: case.unscheduled()),
    (_S.ERR_IMAGE_PULL, lambda case: case.unsynced("ErrImagePull")),
    (_S.IMAGE_PULL_BACK_OFF, lambda case: case.unsynced("ImagePullBackOff")),
    (_S.STARTING, _starting),
    (_S.CRASH_LOOP_BACK_OFF, _crash_looping),
    (_S.WAITING_FOR_RECEIVER, lambda case: case.vm.strategy is RunStrategy.WAIT_AS_RECEIVER),
    (_S.STOPPED, lambda case: case.vmi is None or case.ended),
    (_S.UNKNOWN, lambda case: True),
)


def printable_status(case: Case) -> PrintableStatus:
    return next(status for status, holds in LADDER if holds(case))
