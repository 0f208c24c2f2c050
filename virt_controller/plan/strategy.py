"""What a run strategy asks for, as a table: the strategy and the VMI's state give one verb.

| strategy       | no VMI       | live | Succeeded | Failed        |
|----------------|--------------|------|-----------|---------------|
| Always         | start        | keep | clear     | clear         |
| RerunOnFailure | start if due | keep | clear     | clear and ask |
| Manual         | start if due | keep | keep      | keep          |
| Once           | start        | keep | keep      | keep          |
| Halted         | rest         | stop | clear     | clear         |

*Due* is a start that was asked for: a Start request, or (RerunOnFailure) a strategy that is new to this VM. *Clear*
deletes a VMI whose guest has ended; under Always and RerunOnFailure the next start is then decided with no VMI. *Clear
and ask* appends the Start request first, so that a crash in between does not forget the rerun. A VMI that is being
deleted is left alone until it is gone. A Stop request that names the VMI overrides the table: stop.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from virt_model.phases import Phase, RunStrategy
from virt_model.seen import Json, Vm, Vmi


class State(StrEnum):
    """What is there of a VM's VMI."""

    NONE = "none"
    LIVE = "live"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LEAVING = "leaving"


class Verb(StrEnum):
    START = "start"
    START_IF_DUE = "start if due"
    KEEP = "keep"
    STOP = "stop"
    CLEAR = "clear"
    CLEAR_AND_ASK = "clear and ask"
    REST = "rest"


_Row = tuple[Verb, Verb, Verb, Verb]
_STATES: Final = (State.NONE, State.LIVE, State.SUCCEEDED, State.FAILED)
_ROWS: Final[dict[RunStrategy, _Row]] = {
    RunStrategy.ALWAYS: (Verb.START, Verb.KEEP, Verb.CLEAR, Verb.CLEAR),
    RunStrategy.RERUN_ON_FAILURE: (Verb.START_IF_DUE, Verb.KEEP, Verb.CLEAR, Verb.CLEAR_AND_ASK),
    RunStrategy.MANUAL: (Verb.START_IF_DUE, Verb.KEEP, Verb.KEEP, Verb.KEEP),
    RunStrategy.ONCE: (Verb.START, Verb.KEEP, Verb.KEEP, Verb.KEEP),
    RunStrategy.HALTED: (Verb.REST, Verb.STOP, Verb.CLEAR, Verb.CLEAR),
    RunStrategy.WAIT_AS_RECEIVER: (Verb.REST, Verb.KEEP, Verb.KEEP, Verb.KEEP),
    RunStrategy.UNKNOWN: (Verb.REST, Verb.KEEP, Verb.KEEP, Verb.KEEP),
}
TABLE: Final[dict[tuple[RunStrategy, State], Verb]] = {
    (strategy, state): verb for strategy, row in _ROWS.items() for state, verb in zip(_STATES, row, strict=True)
}

#: strategies under which starts that fail are counted and slowed down
BACKS_OFF: Final = frozenset({RunStrategy.ALWAYS, RunStrategy.RERUN_ON_FAILURE, RunStrategy.ONCE})


def state_of(vmi: Vmi | None) -> State:
    if vmi is None:
        return State.NONE
    if vmi.deleting:
        return State.LEAVING
    if vmi.phase is Phase.SUCCEEDED:
        return State.SUCCEEDED
    if vmi.phase is Phase.FAILED:
        return State.FAILED
    return State.LIVE


def decide(vm: Vm, vmi: Vmi | None) -> Verb:
    """The verb for a VM that is not being deleted."""
    state = state_of(vmi)
    if state is State.LEAVING:
        return Verb.KEEP
    if vmi is not None and stop_requested(vm, vmi):
        return Verb.STOP if state is State.LIVE else Verb.CLEAR
    verb = TABLE[vm.strategy, state]
    if verb is Verb.START_IF_DUE:
        return Verb.START if start_due(vm) else Verb.REST
    return verb


def stop_requested(vm: Vm, vmi: Vmi) -> bool:
    first = next(iter(vm.requests), {})
    return first.get("action") == "Stop" and first.get("uid") == vmi.uid


def start_requested(vm: Vm) -> bool:
    return next(iter(vm.requests), {}).get("action") == "Start"


def paused_start_requested(vm: Vm) -> bool:
    first = next(iter(vm.requests), {})
    return first.get("action") == "Start" and (first.get("data") or {}).get("paused") == "true"


def start_due(vm: Vm) -> bool:
    new_here = vm.strategy is RunStrategy.RERUN_ON_FAILURE and vm.status.get("runStrategy") != vm.strategy
    return start_requested(vm) or new_here


def unanswered(vm: Vm, vmi: Vmi | None) -> tuple[Json, ...]:
    """The requests that still wait for their effect.

    A Stop is done when the VMI it names is gone. A Start is done by the VMI that it made, even if that one has ended
    before we came to look: a Start for later would have a Stop before it. Only the rerun of a failure is asked for
    while the failed VMI is still there. A Start under Halted is void: the later word counts, unless it asks for a
    paused start, which first changes the strategy. The first request is looked at; once it is off the list, the next
    one is the first.
    """
    requests = vm.requests
    while requests and _answered(requests[0], vm, vmi):
        requests = requests[1:]
    return requests


def _answered(request: Json, vm: Vm, vmi: Vmi | None) -> bool:
    if request.get("action") == "Stop":
        return vmi is None or vmi.uid != request.get("uid")
    if request.get("action") == "Start":
        paused = (request.get("data") or {}).get("paused") == "true"
        if vm.strategy is RunStrategy.HALTED and not paused:
            return True
        state = state_of(vmi)
        rerun = state is State.FAILED and vm.strategy is RunStrategy.RERUN_ON_FAILURE
        return state in (State.LIVE, State.SUCCEEDED, State.FAILED) and not rerun
    return True
