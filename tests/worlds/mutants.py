"""Errors that a hurried programmer could make in the plans, each as a patch of one function or table.

They are here to prove that the worlds bite: for every one there is a small world that breaks under it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec

from virt_api.plan import lifecycle
from virt_controller.plan import backoff, strategy, vm, vm_start, vmi, vmi_status
from virt_controller.plan import patch as patches
from virt_controller.plan.actions import Delete, Kind, Plan, Question
from virt_controller.plan.strategy import State, Verb
from virt_model import labels, names
from virt_model.phases import RunStrategy
from virt_model.seen import Pod

Seed = Callable[[ExitStack], None]


class Mutant(NamedTuple):
    error: str
    seed: Seed
    worlds: tuple[str, ...]  # where it must be caught, at least in one of them


def _set(owner: Any, name: str, value: Any) -> Seed:
    return lambda stack: stack.enter_context(patch.object(owner, name, value)) and None


def _table(key: tuple[RunStrategy, State], verb: Verb) -> Seed:
    return lambda stack: stack.enter_context(patch.dict(strategy.TABLE, {key: verb})) and None


def _believing(owner: Any, name: str) -> Seed:
    """The function takes what the cache says for the truth."""
    honest = getattr(owner, name)
    return _set(owner, name, lambda world, *rest: honest(msgspec.structs.replace(world, live=True), *rest))


def _with_world(owner: Any, name: str, **changes: Any) -> Seed:
    honest = getattr(owner, name)
    return _set(owner, name, lambda world, *rest: honest(msgspec.structs.replace(world, **changes), *rest))


def _fresh_names() -> Seed:
    counter = itertools.count()
    return _set(names, "launcher_pod_name", lambda name, uid: f"virt-launcher-{name}-{next(counter)}")


def _no_guard(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    return _PINNED(old, new)[1:]


_PINNED = patches.pinned
_UNPAUSED = vmi_status.unpaused_gate


def _missing_means_ended(world: Any) -> Plan:
    return Plan(action=vmi._fail(world, "its pod is gone")) if world.live else Plan(ask=Question.LIVE)


def _always_open(instance: Any, pod: Any, now: float) -> dict[str, Any]:
    return _UNPAUSED(instance, pod, now) or {"metadata": {"uid": pod.uid}}


def _delete_again(world: Any) -> Plan | None:
    for pod in world.pods if world.vmi.deleting else ():
        action = Delete(kind=Kind.POD, namespace=pod.namespace, name=pod.name, uid=pod.uid, why="again")
        return Plan(action=action)
    return None


def _undo_untested(machine: Any, seconds: int) -> Any:
    write = _GRACE(machine, seconds)
    return msgspec.structs.replace(write, undo=write.undo[-1:])


def _grace_by_name(machine: Any, seconds: int) -> Any:
    write = _GRACE(machine, seconds)
    return msgspec.structs.replace(write, ops=write.ops[1:])


def _request_untested(machine: Any, wanted: Any) -> Any:
    return _REQUESTED(machine, wanted)[1:]


def _any_stop(vm: Any, vmi: Any) -> bool:
    return next(iter(vm.requests), {}).get("action") == "Stop"


def _unpaused(vm: Any) -> dict[str, Any]:
    body = _INSTANCE(vm)
    return {**body, "spec": {key: value for key, value in body["spec"].items() if key != "startStrategy"}}


_GRACE, _REQUESTED, _INSTANCE = lifecycle._grace, lifecycle._requested, vm_start.instance
ALWAYS, RERUN, HALTED = RunStrategy.ALWAYS, RunStrategy.RERUN_ON_FAILURE, RunStrategy.HALTED
MUTANTS: tuple[Mutant, ...] = (
    Mutant("each look derives another pod name", _fresh_names(), ("bare, guest ends",)),
    Mutant("a pod is made on the word of the cache", _believing(vmi, "_pending"), ("bare, stale",)),
    Mutant("a VMI fails when the cache shows no pod", _believing(vmi, "_scheduling"), ("bare, stale",)),
    Mutant(
        "a VMI goes when the cache shows no pod",
        _believing(vmi, "_ended"),
        ("bare, stale", "always, guest ends, stale"),
    ),
    Mutant("a VMI is made on the word of the cache", _believing(vm, "_start"), ("always, halted, stale",)),
    Mutant("a VMI is stopped on the word of the cache", _believing(vm, "_act"), ("halted, always, stale",)),
    Mutant("a VM goes without waiting for its VMI", _with_world(vm, "_leave", vmi=None), ("always, deleted",)),
    Mutant("Always leaves an ended guest", _table((ALWAYS, State.SUCCEEDED), Verb.KEEP), ("always, guest ends",)),
    Mutant(
        "RerunOnFailure reruns success", _table((RERUN, State.SUCCEEDED), Verb.CLEAR_AND_ASK), ("rerun, guest ends",)
    ),
    Mutant("Halted lets run", _table((HALTED, State.LIVE), Verb.KEEP), ("always, halt and back",)),
    Mutant("requests are forgotten", _set(strategy, "unanswered", lambda vm, vmi: ()), ("manual, restarted twice",)),
    Mutant(
        "a failed run is cleared, then remembered", _set(vm, "_memory_first", lambda w, v: None), ("rerun, guest ends",)
    ),
    Mutant("failures are not counted", _set(backoff, "counted", lambda vm, vmi: True), ("always, vmi deleted",)),
    Mutant("handed over too early", _set(Pod, "compute_running", property(lambda pod: True)), ("bare, guest ends",)),
    Mutant("a missing pod ends its guest", _set(vmi, "_pod_gone", _missing_means_ended), ("bare, guest ends",)),
    Mutant("a pod is deleted again and again", _set(vmi, "_delete_pod", _delete_again), ("bare, guest ends",)),
    Mutant("a gate that is open is opened", _set(vmi_status, "unpaused_gate", _always_open), ("bare, guest ends",)),
    Mutant("a paused start is not seen", _set(vm, "_paused_start", lambda world: False), ("halted, started paused",)),
    Mutant("the status waits for ever", _set(vm, "_overtaken", lambda world, wanted: True), ("always, pod fails",)),
    Mutant("what others said is taken back", _set(lifecycle, "_grace", _undo_untested), ("manual, two users stop",)),
    Mutant(
        "grace is given by name", _set(lifecycle, "_grace", _grace_by_name), ("manual, stopped as it starts again",)
    ),
    Mutant(
        "a request overwrites another",
        _set(lifecycle, "_requested", _request_untested),
        ("manual, stopped as it starts again", "manual, restarted twice"),
    ),
    Mutant(
        "a stop is for whoever runs",
        _set(strategy, "stop_requested", _any_stop),
        ("manual, stopped as it starts again",),
    ),
    Mutant("a paused start runs", _set(vm_start, "instance", _unpaused), ("halted, started paused",)),
    Mutant("orphans are taken along", _set(labels, "ORPHAN_FINALIZER", "x"), ("always, left as an orphan",)),
    Mutant("patches name no version", _set(patches, "pinned", _no_guard), ("manual, start, stale", "bare, stale")),
)
