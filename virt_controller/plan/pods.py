"""A VMI's launcher pods, for every plan about them: whose they are, which one runs, what an action did to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from virt_controller.plan.actions import Action, Delete
from virt_model.runner import runner_of
from virt_model.seen import Pod, Vmi

Json = dict[str, Any]


def own(vmi: Vmi, pods: Iterable[Json]) -> tuple[Pod, ...]:
    """Those that the VMI controls, whatever labels others carry."""
    return tuple(pod for pod in map(Pod, pods) if pod.controlled_by(vmi.uid))


def runner_among(vmi: Vmi, pods: Iterable[Pod]) -> Pod | None:
    """The one that may run the guest: a migration has others, before and after."""
    runner = runner_of(vmi.raw)
    return next((pod for pod in pods if runner.is_pod(vmi.raw, pod.raw)), None)


def after(pods: tuple[Pod, ...], action: Action, answer: Json | None) -> tuple[Pod, ...]:
    """The pods once an action on one of them has succeeded; `answer` is None when it is gone."""
    if answer is None:
        gone = action.name if isinstance(action, Delete) else ""
        return tuple(pod for pod in pods if pod.name != gone)
    new = Pod(answer)
    return (*(pod for pod in pods if pod.name != new.name), new)
